#include "weir/http/name.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weir::http {
namespace {

// In the order of the enumeration, from `Name::age` on.
constexpr std::array<std::string_view, 49> spellings{
    "age",
    "authorization",
    "b3",
    "baggage",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-message",
    "grpc-previous-rpc-attempts",
    "grpc-retry-pushback-ms",
    "grpc-status",
    "grpc-timeout",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "retry-after",
    "server",
    "server-timing",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "weir-attempt",
    "weir-budget-ms",
    "weir-criticality",
    "weir-failover",
    "weir-failover-ms",
    "x-envoy-attempt-count",
    "x-envoy-expected-rq-timeout-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
    "x-weir-identity",
};
static_assert(spellings.size() == static_cast<std::size_t>(Name::x_weir_identity));
static_assert(spellings.size() < 64, "a NameSet has a bit per name");

constexpr char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

// A perfect hash of the spellings: a multiplier is searched at compile time with which length,
// first, middle and last letter put every name into a slot of its own.
constexpr std::size_t table_size = 256;

constexpr std::size_t slot_of(std::string_view text, std::uint32_t multiplier) {
  const auto letter = [text](std::size_t index) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(lower(text[index])));
  };
  std::uint32_t mixed = static_cast<std::uint32_t>(text.size()) + letter(0) * 31U;
  mixed = mixed * multiplier + letter(text.size() / 2);
  mixed = mixed * multiplier + letter(text.size() - 1);
  mixed = mixed * multiplier + letter(text.size() / 3);
  return (mixed ^ (mixed >> 15U)) % table_size;
}

consteval std::uint32_t find_multiplier() {
  for (std::uint32_t multiplier = 1; multiplier < 200'000; multiplier += 2) {
    std::array<bool, table_size> taken{};
    const bool perfect = std::ranges::all_of(spellings, [&](std::string_view text) {
      return !std::exchange(taken[slot_of(text, multiplier)], true);
    });
    if (perfect) return multiplier;
  }
  return 0;
}

constexpr std::uint32_t multiplier = find_multiplier();
static_assert(multiplier != 0);

consteval std::array<Name, table_size> make_table() {
  std::array<Name, table_size> table{};
  for (std::size_t index = 0; index < spellings.size(); ++index) {
    table[slot_of(spellings[index], multiplier)] = static_cast<Name>(index + 1);
  }
  return table;
}

constexpr std::array<Name, table_size> table = make_table();

// Setting bit 5 lowers letters and leaves `-` and digits, eight bytes at a time. What else it could
// turn into one of those are control characters, which no caller lets through.
bool spells(std::string_view spelling, std::string_view text) {
  if (spelling.size() != text.size()) return false;
  constexpr std::uint64_t bit_5 = 0x2020202020202020ULL;
  std::size_t at = 0;
  for (; at + sizeof bit_5 <= text.size(); at += sizeof bit_5) {
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    std::memcpy(&left, spelling.data() + at, sizeof left);
    std::memcpy(&right, text.data() + at, sizeof right);
    if (left != (right | bit_5)) return false;
  }
  for (; at < text.size(); ++at) {
    if (spelling[at] != static_cast<char>(text[at] | 0x20)) return false;
  }
  return true;
}

}  // namespace

Name parse_name(std::string_view text) {
  if (text.empty()) return Name::other;
  const Name candidate = table[slot_of(text, multiplier)];
  return spells(name_of(candidate), text) ? candidate : Name::other;
}

std::string_view name_of(Name name) {
  return name == Name::other ? std::string_view{} : spellings[static_cast<std::size_t>(name) - 1];
}

}  // namespace weir::http
