#include "weir/resilience/budget.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::resilience {
namespace {

using http::Name;
using std::chrono::milliseconds;

// About thirty years: far beyond every maximum, and additions to an Instant cannot overflow.
constexpr Duration longest{1'000'000'000'000'000'000};

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

// `count` units, at most `longest`.
Duration clamped(std::uint64_t count, Duration unit) {
  const auto most = static_cast<std::uint64_t>(longest / unit);
  return count >= most ? longest : unit * static_cast<Duration::rep>(count);
}

// Decimal milliseconds. A negative number is a grant that has run out, as zero is.
std::optional<Duration> parse_milliseconds(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!all_digits(text)) return std::nullopt;
  if (negative) return Duration::zero();
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  return clamped(count, milliseconds{1});
}

struct GrpcUnit {
  char letter;
  Duration length;
};
constexpr std::array<GrpcUnit, 6> finest_first{{{'n', std::chrono::nanoseconds{1}},
                                                {'u', std::chrono::microseconds{1}},
                                                {'m', milliseconds{1}},
                                                {'S', std::chrono::seconds{1}},
                                                {'M', std::chrono::minutes{1}},
                                                {'H', std::chrono::hours{1}}}};
constexpr std::size_t grpc_digits = 8;
constexpr Duration::rep grpc_most = 99'999'999;

std::string_view written(std::array<char, 24>& buffer, std::int64_t number) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

void take(Grant& grant, std::optional<Duration> read) {
  if (!read) {
    if (grant.malformed < 255) ++grant.malformed;
  } else if (!grant.granted || *read < *grant.granted) {
    grant.granted = read;
  }
}

}  // namespace

std::string_view name_of(BudgetSource source) {
  switch (source) {
    case BudgetSource::header: return "header";
    case BudgetSource::route: return "route";
    case BudgetSource::exact: return "exact";
    case BudgetSource::trace: return "trace";
    case BudgetSource::listener_default: return "default";
    case BudgetSource::listener_maximum: return "maximum";
  }
  return "default";
}

Grant read_grant(const http::Fields& fields) {
  Grant grant = read_grpc_grant(fields);
  if (!fields.contains(Name::weir_budget_ms) &&
      !fields.contains(Name::x_envoy_expected_rq_timeout_ms)) {
    return grant;
  }
  fields.for_each([&grant](const http::Field& field) {
    if (field.id != Name::weir_budget_ms && field.id != Name::x_envoy_expected_rq_timeout_ms) {
      return;
    }
    take(grant, parse_milliseconds(field.value));
  });
  return grant;
}

Grant read_grpc_grant(const http::Fields& fields) {
  Grant grant;
  if (!fields.contains(Name::grpc_timeout)) return grant;
  fields.for_each([&grant](const http::Field& field) {
    if (field.id == Name::grpc_timeout) take(grant, parse_grpc_timeout(field.value));
  });
  return grant;
}

Budget effective_budget(const Grant& grant, const BudgetPolicy& policy) {
  Budget budget{policy.maximum, BudgetSource::listener_maximum};
  const auto consider = [&budget](Duration candidate, BudgetSource source) {
    if (candidate <= budget.total) budget = {candidate, source};
  };
  if (policy.route) consider(*policy.route, BudgetSource::route);
  if (grant.granted) consider(*grant.granted, BudgetSource::header);
  if (policy.inherited) consider(policy.inherited->left, policy.inherited->source);
  if (!policy.route && !grant.granted && !policy.inherited) {
    consider(policy.fallback, BudgetSource::listener_default);
  }
  budget.total = std::max(budget.total, Duration::zero());
  return budget;
}

void write_grant(http::Fields& fields, const Remainder& left) {
  const Duration budget = std::max(left.budget, Duration::zero());
  std::array<char, 24> buffer{};
  const std::string_view text = written(buffer, whole_milliseconds(budget));
  fields.set(Name::weir_budget_ms, text);
  if (fields.contains(Name::x_envoy_expected_rq_timeout_ms)) {
    fields.set(Name::x_envoy_expected_rq_timeout_ms, text);
  }
  if (left.grpc_call || fields.contains(Name::grpc_timeout)) {
    fields.set(Name::grpc_timeout, grpc_timeout(left.grpc_call.value_or(budget)));
  }
}

std::string grpc_timeout(Duration left) {
  left = std::max(left, Duration::zero());
  std::array<char, 24> buffer{};
  for (const GrpcUnit& unit : finest_first) {
    const bool last = unit.letter == finest_first.back().letter;
    if (left / unit.length > grpc_most && !last) continue;
    std::string text{written(buffer, std::min(left / unit.length, grpc_most))};
    text.push_back(unit.letter);
    return text;
  }
  return "0n";
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > grpc_digits + 1) return std::nullopt;
  const auto* unit = std::ranges::find(finest_first, text.back(), &GrpcUnit::letter);
  text.remove_suffix(1);
  if (unit == finest_first.end() || !all_digits(text)) return std::nullopt;
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return clamped(count, unit->length);
}

}  // namespace weir::resilience
