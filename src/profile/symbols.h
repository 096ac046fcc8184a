// Names of functions by address, out of the symbol tables of the program and its libraries.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::profile {

struct Symbol {
  uint64_t address = 0;  // In the file's own numbering.
  uint64_t size = 0;     // 0: up to the next one.
  std::string name;      // As the linker knows it.
};

/// Functions of a 64-bit little-endian ELF file, by rising address: of .symtab, or of .dynsym where
/// that was stripped. kDataLoss when the file contradicts itself.
Result<std::vector<Symbol>> ReadSymbols(std::string_view file);

/// A piece of program code in memory.
struct Mapping {
  uint64_t begin = 0, end = 0;
  uint64_t file_offset = 0;
  uint64_t bias = 0;  // Address in memory minus address in the file.
  std::string path;
};

/// The code of this process. Reads a file's symbols when first asked for one of it. One thread.
class AddressSpace {
 public:
  AddressSpace();
  const std::vector<Mapping>& mappings() const { return mappings_; }
  /// Null when no code is there.
  const Mapping* Find(uint64_t address) const;
  /// "" when it is not known.
  std::string_view NameOf(uint64_t address);

 private:
  const std::vector<Symbol>& SymbolsOf(const std::string& path);

  std::vector<Mapping> mappings_;  // By rising address.
  std::map<std::string, std::vector<Symbol>> symbols_;
};

/// A C++ name in words; others as they are.
std::string Demangled(const std::string& name);

}  // namespace thanos::profile
