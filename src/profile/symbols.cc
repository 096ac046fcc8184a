#include "profile/symbols.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thanos::profile {
namespace {

// The element `index` of a table at `offset`. False when it lies outside.
template <typename T>
bool ReadAt(std::string_view file, uint64_t offset, uint64_t index, T* out) {
  if (offset > file.size() || index > (file.size() - offset) / sizeof(T)) return false;
  const uint64_t at = offset + index * sizeof(T);
  if (file.size() - at < sizeof(T)) return false;
  std::memcpy(out, file.data() + at, sizeof(T));
  return true;
}

bool SectionBytes(std::string_view file, const Elf64_Shdr& section, std::string_view* out) {
  if (section.sh_offset > file.size() || section.sh_size > file.size() - section.sh_offset) {
    return false;
  }
  *out = file.substr(section.sh_offset, section.sh_size);
  return true;
}

bool FindSection(std::string_view file, const Elf64_Ehdr& header, uint32_t type, Elf64_Shdr* out) {
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    if (ReadAt(file, header.e_shoff, i, out) && out->sh_type == type) return true;
  }
  return false;
}

bool IsFunction(const Elf64_Sym& symbol) {
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF;
}

// Maps a whole file. Empty when it cannot be.
class FileView {
 public:
  explicit FileView(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat info{};
    if (::fstat(fd, &info) == 0 && info.st_size > 0) {
      size_ = static_cast<size_t>(info.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    ::close(fd);
  }
  FileView(const FileView&) = delete;
  ~FileView() {
    if (data_ != MAP_FAILED) ::munmap(data_, size_);
  }
  std::string_view text() const {
    return data_ == MAP_FAILED ? std::string_view()
                               : std::string_view(static_cast<const char*>(data_), size_);
  }

 private:
  void* data_ = MAP_FAILED;
  size_t size_ = 0;
};

int AddObject(dl_phdr_info* info, size_t, void* argument) {
  auto* mappings = static_cast<std::vector<Mapping>*>(argument);
  // The program itself comes first and without a name.
  const bool program = mappings->empty() && info->dlpi_name[0] == '\0';
  const std::string path = program ? "/proc/self/exe" : info->dlpi_name;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    const uint64_t begin = info->dlpi_addr + part.p_vaddr;
    mappings->push_back({begin, begin + part.p_memsz, part.p_offset, info->dlpi_addr, path});
  }
  return 0;
}

}  // namespace

Result<std::vector<Symbol>> ReadSymbols(std::string_view file) {
  Elf64_Ehdr header{};
  if (!ReadAt(file, 0, 0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return DataLossError("no 64-bit little-endian ELF file");
  }
  Elf64_Shdr table{}, names{};
  std::vector<Symbol> symbols;
  if (!FindSection(file, header, SHT_SYMTAB, &table) &&
      !FindSection(file, header, SHT_DYNSYM, &table)) {
    return symbols;
  }
  std::string_view entries, texts;
  if (!SectionBytes(file, table, &entries) ||
      !ReadAt(file, header.e_shoff, table.sh_link, &names) || !SectionBytes(file, names, &texts)) {
    return DataLossError("symbol table passes the end of the file");
  }
  Elf64_Sym entry{};
  for (uint64_t i = 0; ReadAt(entries, 0, i, &entry); ++i) {
    if (!IsFunction(entry)) continue;
    if (entry.st_name >= texts.size()) return DataLossError("name of a symbol passes its table");
    const std::string_view text = texts.substr(entry.st_name);
    symbols.push_back(
        {entry.st_value, entry.st_size, std::string(text.substr(0, text.find('\0')))});
  }
  std::stable_sort(symbols.begin(), symbols.end(),
                   [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  return symbols;
}

AddressSpace::AddressSpace() {
  ::dl_iterate_phdr(AddObject, &mappings_);
  std::sort(mappings_.begin(), mappings_.end(),
            [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
}

const Mapping* AddressSpace::Find(uint64_t address) const {
  const auto after =
      std::upper_bound(mappings_.begin(), mappings_.end(), address,
                       [](uint64_t at, const Mapping& mapping) { return at < mapping.begin; });
  if (after == mappings_.begin()) return nullptr;
  const Mapping& mapping = *std::prev(after);
  return address < mapping.end ? &mapping : nullptr;
}

const std::vector<Symbol>& AddressSpace::SymbolsOf(const std::string& path) {
  const auto [at, is_new] = symbols_.try_emplace(path);
  if (is_new) {
    const FileView file(path);
    // A library without a readable file, such as the kernel's own, has addresses only.
    if (auto symbols = ReadSymbols(file.text()); symbols.ok()) at->second = *std::move(symbols);
  }
  return at->second;
}

std::string_view AddressSpace::NameOf(uint64_t address) {
  const Mapping* mapping = Find(address);
  if (mapping == nullptr) return "";
  const std::vector<Symbol>& symbols = SymbolsOf(mapping->path);
  const uint64_t in_file = address - mapping->bias;
  const auto after =
      std::upper_bound(symbols.begin(), symbols.end(), in_file,
                       [](uint64_t at, const Symbol& symbol) { return at < symbol.address; });
  if (after == symbols.begin()) return "";
  const Symbol& symbol = *std::prev(after);
  if (symbol.size != 0 && in_file - symbol.address >= symbol.size) return "";
  return symbol.name;
}

std::string Demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : name;
}

}  // namespace thanos::profile
