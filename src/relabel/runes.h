// Characters of UTF-8 texts and their cases.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::relabel {

/// The first character; a byte that begins none counts as U+FFFD. `text` is not empty.
uint32_t TakeRune(std::string_view* text);
void AppendRune(uint32_t rune, std::string* out);
/// One character for one, by Unicode's simple mappings, whatever the process' locale.
uint32_t UpperRune(uint32_t rune);
uint32_t LowerRune(uint32_t rune);

}  // namespace thanos::relabel
