// What the configuration may say, for editors and for people. Both texts are made from the same
// table of keys that the reader follows (src/config/sections.cpp).
#pragma once

#include <string>

namespace weir::config {

// JSON Schema, draft 2020-12; committed as config/schema.json.
std::string json_schema();

// The reference in Markdown; committed as docs/configuration.md.
std::string reference();

}  // namespace weir::config
