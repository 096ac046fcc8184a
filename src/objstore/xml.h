// XML as object stores answer it: elements and text. Strict and bounded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "thanos/status.h"

namespace thanos::objstore {

/// Names are without their name space's prefix; attributes are checked and left out.
struct XmlElement {
  std::string name;
  std::string text;  // All text directly inside, entities replaced.
  std::vector<XmlElement> children;

  /// The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
  /// Its text; "" when there is none.
  std::string_view Text(std::string_view child) const;
};

inline constexpr size_t kXmlBytesMax = 16 << 20;

/// One document. kDataLoss names the byte where it is not well-formed, declares a document type
/// (entities are not expanded), nests above 32 or has more than 200000 elements.
Result<XmlElement> ParseXml(std::string_view text);
/// For text between tags.
std::string XmlEscape(std::string_view text);

}  // namespace thanos::objstore
