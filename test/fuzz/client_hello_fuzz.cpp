// A connection's first bytes: the same verdict whole and byte by byte, and stable once it stands.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../../src/net/client_hello.h"
#include "../../src/net/greeting.h"

namespace weir::net {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

void require_same(const Greeting& one, const Greeting& other) {
  require(one.kind == other.kind && one.server_name == other.server_name &&
          one.offers_h2 == other.offers_h2);
}

bool is_sober(std::string_view name) {
  return std::ranges::none_of(
      name, [](char c) { return c <= ' ' || c == 127 || (c >= 'A' && c <= 'Z'); });
}

// Every size when they are few, some of many.
void read_in_pieces(std::string_view text) {
  const auto whole = recognise(text);
  const std::size_t step = 1 + text.size() / 512;
  bool decided = false;
  for (std::size_t size = 0; size <= text.size(); size += step) {
    const auto part = recognise(text.substr(0, size));
    require(part || !decided);
    if (!part) continue;
    decided = true;
    require(whole.has_value());
    require_same(*part, *whole);
  }
  if (whole) require_same(recognise_at_last(text), *whole);
}

}  // namespace
}  // namespace weir::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::net;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  read_in_pieces(text);
  const HelloResult result = read_client_hello(text);
  require(result.reading == HelloReading::complete || result.hello.server_name.empty());
  require(is_sober(result.hello.server_name));
  return 0;
}
