// ui_embed <bundle> <assets.S> <assets.inc>: runs on the building machine. Reads the manifest of a
// bundle and writes the assembly that takes its files into .rodata, and the table of them. With
// "-" for the bundle the table is empty. A file that is not what the manifest says ends it.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "codec/compression.h"
#include "codec/hash.h"

namespace thanos::ui {
namespace {

constexpr size_t kFileBytesMax = 16 << 20;

struct File {
  std::string path, type, sha256;
  std::string brotli, gzip;  // Names of files in the bundle; "" where `path` is all there is.
  size_t size = 0;
};

std::string DigestOf(std::string_view bytes) { return codec::ToHex(codec::Sha256(bytes)); }

std::optional<std::string> ReadFile(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string SymbolOf(size_t number, const char* coding) {
  return "thanos_ui_" + std::to_string(number) + "_" + coding;
}

// The kinds of copies that are embedded of a file, and their names in the bundle.
std::vector<std::pair<const char*, std::string>> BlobsOf(const File& file) {
  if (file.gzip.empty()) return {{"plain", file.path}};
  return {{"br", file.brotli}, {"gz", file.gzip}};
}

// Names go into assembly and C++ between quotes.
bool IsPlain(const std::string& text) {
  return !text.empty() && text.find("..") == std::string::npos &&
         std::ranges::all_of(
             text, [](unsigned char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\'; });
}

bool Fail(const std::string& what) {
  std::fprintf(stderr, "ui_embed: %s\n", what.c_str());
  return false;
}

bool ReadManifest(const std::string& bundle, std::vector<File>* files) {
  const auto text = ReadFile(bundle + "/assets.json");
  if (!text) return Fail(bundle + "/assets.json cannot be read");
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_array() || json.empty()) return Fail(bundle + "/assets.json is no manifest");
  for (const auto& entry : json) {
    if (!entry.is_object()) return Fail(bundle + "/assets.json holds what is no entry");
    const auto field = [&](const char* name) {
      const auto found = entry.find(name);
      return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
    };
    File file{.path = field("path"),
              .type = field("type"),
              .sha256 = field("sha256"),
              .brotli = field("br"),
              .gzip = field("gz")};
    const auto size = entry.find("size");
    const bool has_size = size != entry.end() && size->is_number_unsigned();
    if (has_size) file.size = size->get<size_t>();
    if (!has_size || file.brotli.empty() != file.gzip.empty() || !IsPlain(file.path) ||
        !IsPlain(file.type) || !IsPlain(file.brotli + "x") || !IsPlain(file.gzip + "x")) {
      return Fail("an entry of the manifest is not whole: " + entry.dump());
    }
    files->push_back(std::move(file));
  }
  std::ranges::sort(*files, {}, &File::path);
  return true;
}

bool Check(const std::string& bundle, const File& file) {
  const bool packed = !file.gzip.empty();
  auto bytes = ReadFile(bundle + "/" + (packed ? file.gzip : file.path));
  if (!bytes || (packed && !ReadFile(bundle + "/" + file.brotli))) {
    return Fail("a file of " + file.path + " is missing in " + bundle);
  }
  if (packed) {
    auto plain = codec::GzipDecompress(*bytes, kFileBytesMax);
    if (!plain.ok()) return Fail(file.gzip + ": " + plain.status().ToString());
    bytes = std::move(*plain);
  }
  if (bytes->size() != file.size || DigestOf(*bytes) != file.sha256) {
    return Fail(file.path + " is not what the manifest names: build the bundle again");
  }
  if (file.path == "index.html" && bytes->find("<base href=\"/\"") == std::string::npos) {
    return Fail("index.html has no <base href=\"/\">");
  }
  return true;
}

void WriteAssembly(const std::string& bundle, const std::vector<File>& files, std::ostream& out) {
  out << "    .section .rodata.thanos_ui,\"a\",@progbits\n";
  const auto blob = [&](const std::string& symbol, const std::string& name) {
    // The digest is here so that this text changes whenever the bytes do.
    out << "    # " << DigestOf(ReadFile(bundle + "/" + name).value_or("")) << "\n    .balign 16\n"
        << "    .globl " << symbol << "\n"
        << symbol << ":\n    .incbin \"" << bundle << "/" << name << "\"\n";
  };
  for (size_t i = 0; i < files.size(); ++i) {
    for (const auto& [coding, name] : BlobsOf(files[i])) blob(SymbolOf(i, coding), name);
  }
  // Otherwise the linker takes it that the stack must be executable.
  out << "    .section .note.GNU-stack,\"\",@progbits\n";
}

// Sizes are literals, so that the table needs no code to be made.
void WriteTable(const std::string& bundle, const std::vector<File>& files, std::ostream& out) {
  out << "// Made by ui_embed.\n#include <array>\n\n";
  for (size_t i = 0; i < files.size(); ++i) {
    for (const auto& [coding, name] : BlobsOf(files[i])) {
      out << "extern \"C\" const char " << SymbolOf(i, coding) << "[];\n";
    }
  }
  out << "\nnamespace thanos::ui {\nnamespace {\n"
      << "constexpr std::array<Asset, " << files.size() << "> kAssets = {"
      << (files.empty() ? "" : "{") << "\n";
  for (size_t i = 0; i < files.size(); ++i) {
    const File& file = files[i];
    out << "    Asset{\"" << file.path << "\", \"" << file.type << "\", \"" << file.sha256 << "\", "
        << file.size;
    for (const auto& [coding, name] : BlobsOf(file)) {
      // The third field is for files that are kept as they are.
      if (std::string_view(coding) == "plain") out << ", {}, {}";
      out << ", {" << SymbolOf(i, coding) << ", "
          << ReadFile(bundle + "/" + name).value_or("").size() << "}";
    }
    out << (file.gzip.empty() ? "},\n" : ", {}},\n");
  }
  out << (files.empty() ? "" : "}") << "};\n}  // namespace\n}  // namespace thanos::ui\n";
}

int Run(const std::string& bundle, const char* assembly, const char* table) {
  std::vector<File> files;
  if (bundle != "-") {
    if (!ReadManifest(bundle, &files)) return 1;
    for (const File& file : files) {
      if (!Check(bundle, file)) return 1;
    }
  }
  std::ofstream assembly_out(assembly), table_out(table);
  WriteAssembly(bundle, files, assembly_out);
  WriteTable(bundle, files, table_out);
  if (!assembly_out.flush() || !table_out.flush()) return Fail("cannot write the output"), 1;
  return 0;
}

}  // namespace
}  // namespace thanos::ui

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ui_embed <bundle>|- <assets.S> <assets.inc>\n");
    return 2;
  }
  return thanos::ui::Run(argv[1], argv[2], argv[3]);
}
