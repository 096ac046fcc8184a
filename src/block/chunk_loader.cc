#include "block/chunk_loader.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "block/chunk_segment.h"

namespace thanos::block {
namespace {

bool ConcernsAll(const Status& status) {
  switch (status.code()) {
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

// The chunks of one segment file, in order of offset.
struct FileJob {
  std::span<const size_t> order;  // Indices of tasks.
};

std::string PlaceOf(const ChunkTask& task) {
  return "block " + task.block->id() + ", segment " + SegmentName(task.wanted.meta.segment()) +
         ", offset " + std::to_string(task.wanted.meta.offset()) + ", series " +
         std::to_string(task.reference);
}

// A chunk that is longer than was guessed adds its own read to `reads`.
Status TakeChunk(const CallContext& context, base::RangeReader& segment,
                 const BlockReadOptions& options, std::span<const std::byte> bytes,
                 ChunkReads* reads, ChunkTask* task) {
  THANOS_ASSIGN_OR_RETURN(StoredChunk chunk, ReadStoredChunk(bytes));
  if (!chunk.complete()) {
    const uint64_t offset = task->wanted.meta.offset();
    if (offset > segment.size() || chunk.stored_bytes > segment.size() - offset) {
      return DataLossError("chunk passes the end of its segment");
    }
    THANOS_RETURN_IF_ERROR(options.ReserveBytes(chunk.stored_bytes));
    if (ReadStats* stats = options.stats()) {
      stats->chunks.refetched.fetch_add(1, std::memory_order_relaxed);
      stats->chunks.fetched_bytes.fetch_add(chunk.stored_bytes, std::memory_order_relaxed);
    }
    THANOS_ASSIGN_OR_RETURN(const base::PinnedBytes whole,
                            segment.Read(context, offset, chunk.stored_bytes));
    reads->pieces.push_back(whole);
    THANOS_ASSIGN_OR_RETURN(chunk, ReadStoredChunk(whole.bytes()));
  }
  task->encoding = chunk.encoding;
  task->data = chunk.data;
  reads->chunk_bytes += chunk.data.size();
  return OkStatus();
}

Status RunJob(const CallContext& context, std::span<ChunkTask> tasks, const FileJob& job,
              const BlockReadOptions& options, ChunkReads* reads) {
  const ChunkTask& first = tasks[job.order[0]];
  THANOS_ASSIGN_OR_RETURN(const auto segment,
                          first.block->Segment(context, first.wanted.meta.segment()));
  std::vector<ByteSpan> spans;
  spans.reserve(job.order.size());
  for (const size_t i : job.order) {
    const uint64_t begin = tasks[i].wanted.meta.offset();
    spans.push_back({begin, begin + std::max<uint64_t>(tasks[i].wanted.bytes_guess, 16)});
  }
  ReadStats* stats = options.stats();
  const ReadTimer timer(stats == nullptr ? nullptr : &stats->chunks.fetch_ns);
  THANOS_ASSIGN_OR_RETURN(FetchedRanges fetched,
                          FetchRanges(context, *segment, spans, options.Fetch(&ReadStats::chunks)));
  reads->pieces = std::move(fetched.pieces);
  for (size_t i = 0; i < job.order.size(); ++i) {
    ChunkTask& task = tasks[job.order[i]];
    const Status status = TakeChunk(context, *segment, options, fetched.ranges[i], reads, &task);
    if (!status.ok()) {
      task.encoding = ChunkEncoding::kNone;
      return ConcernsAll(status) ? status : status.WithContext(PlaceOf(task));
    }
  }
  if (stats != nullptr) {
    stats->chunks.Touch(job.order.size(), reads->chunk_bytes);
    stats->chunks.fetched.fetch_add(job.order.size(), std::memory_order_relaxed);
  }
  return OkStatus();
}

// Tasks come series by series, those of one stream mostly in order of their place: they are dealt
// out by stream, and sorted only where that does not hold.
void OrderTasks(std::span<const ChunkTask> tasks, std::vector<size_t>* order) {
  uint32_t streams = 0;
  for (const ChunkTask& task : tasks) streams = std::max(streams, task.stream + 1);
  std::vector<size_t> next(streams + 1);
  for (const ChunkTask& task : tasks) ++next[task.stream + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  const std::vector<size_t> begins = next;
  order->resize(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) (*order)[next[tasks[i].stream]++] = i;
  const auto before = [&](size_t a, size_t b) {
    return tasks[a].wanted.meta.ref < tasks[b].wanted.meta.ref;
  };
  for (uint32_t stream = 0; stream < streams; ++stream) {
    const auto begin = order->begin() + static_cast<ptrdiff_t>(begins[stream]);
    const auto end = order->begin() + static_cast<ptrdiff_t>(begins[stream + 1]);
    if (!std::is_sorted(begin, end, before)) std::sort(begin, end, before);
  }
}

std::vector<FileJob> JobsOf(std::span<const ChunkTask> tasks, std::vector<size_t>* order) {
  OrderTasks(tasks, order);
  std::vector<FileJob> jobs;
  size_t begin = 0;
  for (size_t i = 1; i <= order->size(); ++i) {
    const bool same =
        i < order->size() && tasks[(*order)[i]].stream == tasks[(*order)[begin]].stream &&
        tasks[(*order)[i]].wanted.meta.segment() == tasks[(*order)[begin]].wanted.meta.segment();
    if (same) continue;
    jobs.push_back({std::span(*order).subspan(begin, i - begin)});
    begin = i;
  }
  return jobs;
}

}  // namespace

Result<ChunkReads> LoadChunks(const CallContext& context, std::span<ChunkTask> tasks,
                              const BlockReadOptions& options,
                              std::vector<StreamFailure>* failures) {
  ChunkReads all;
  if (tasks.empty()) return all;
  ReadStats* stats = options.stats();
  const ReadTimer timer(stats == nullptr ? nullptr : &stats->chunks_wall_ns);
  std::vector<size_t> order;
  const std::vector<FileJob> jobs = JobsOf(tasks, &order);
  std::mutex mutex;
  const auto run = [&](size_t index) -> Status {
    ChunkReads reads;
    const Status status = RunJob(context, tasks, jobs[index], options, &reads);
    if (ConcernsAll(status)) return status;
    std::lock_guard lock(mutex);
    // Also of a job that failed half way: what it had taken stays.
    for (base::PinnedBytes& piece : reads.pieces) {
      all.piece_bytes += piece.size();
      all.pieces.push_back(std::move(piece));
    }
    all.chunk_bytes += reads.chunk_bytes;
    if (status.ok()) return status;
    failures->push_back({tasks[jobs[index].order[0]].stream, status});
    return OkStatus();
  };
  THANOS_RETURN_IF_ERROR(base::ParallelFor(options.executor, jobs.size(), run));
  return all;
}

}  // namespace thanos::block
