// Durations, sizes, shares and numbers: strict, with units, and with a cure in every complaint.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "codec.h"

namespace weir::config {
namespace {

// "1.5s" in its two parts; `number` is empty when the text does not start with one.
struct Quantity {
  std::string_view number;
  std::string_view unit;
};

Quantity take_apart(std::string_view text) {
  std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::size_t whole = end;
  if (whole > 0 && end < text.size() && text[end] == '.') {
    const auto after = std::min(text.find_first_not_of("0123456789", end + 1), text.size());
    if (after > end + 1) end = after;
  }
  return {text.substr(0, end), text.substr(end)};
}

double value_of(std::string_view number) {
  return std::strtod(std::string{number}.c_str(), nullptr);
}

std::string_view trimmed(std::string_view text) {
  const auto start = text.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

struct Unit {
  std::string_view name;
  std::int64_t factor;  // in nanoseconds or bytes
};

struct Spelling {
  std::string_view written;
  std::string_view meant;
};

template <std::size_t count>
std::string_view find_spelling(const std::array<Spelling, count>& spellings,
                               std::string_view written) {
  const auto found = std::ranges::find(spellings, written, &Spelling::written);
  return found == spellings.end() ? std::string_view{} : found->meant;
}

struct DurationTrait {
  using Value = Duration;
  static constexpr std::array<Unit, 6> units{{{"h", 3'600'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"s", 1'000'000'000},
                                              {"ms", 1'000'000},
                                              {"us", 1'000},
                                              {"ns", 1}}};
  static constexpr std::array<Spelling, 16> spellings{{
      {"sec", "s"},
      {"secs", "s"},
      {"second", "s"},
      {"seconds", "s"},
      {"min", "m"},
      {"mins", "m"},
      {"minute", "m"},
      {"minutes", "m"},
      {"hour", "h"},
      {"hours", "h"},
      {"hr", "h"},
      {"msec", "ms"},
      {"millis", "ms"},
      {"milliseconds", "ms"},
      {"usec", "us"},
      {"µs", "us"},
  }};
  static constexpr double longest = 4 * 3600.0;  // the timer wheel's horizon is a little further

  static std::string_view type() { return "duration"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)$|\\$\\{"})";
  }
  static Parsed<Duration> parse(std::string_view text) {
    const auto [number, unit] = take_apart(text);
    if (number.empty()) return no_duration(text);
    if (unit.empty()) {
      return wrong(fmt::format("\"{}\" has no unit", text), guess_unit(number));
    }
    const auto known = std::ranges::find(units, unit, &Unit::name);
    if (known == units.end()) return wrong_unit(text, number, trimmed(unit));
    const double count = value_of(number) * static_cast<double>(known->factor);
    if (count > longest * 1e9) {
      return wrong(fmt::format("\"{}\" is longer than 4h, the longest time that weir keeps", text));
    }
    return Duration{std::llround(count)};
  }
  static std::string print(const Duration& value) {
    if (value.count() == 0) return "0ms";
    for (const auto& [name, factor] : units) {
      if (value.count() % factor == 0) return fmt::format("{}{}", value.count() / factor, name);
    }
    return {};
  }
  static double measure(const Duration& value) { return seconds(value); }
  static std::string print_measure(double measure) {
    return print(Duration{std::llround(measure * 1e9)});
  }

 private:
  static std::unexpected<Complaint> no_duration(std::string_view text) {
    if (text.starts_with('-')) return wrong(fmt::format("\"{}\" is negative", text));
    return wrong(fmt::format("\"{}\" is not a duration such as 250ms, 1.5s or 2m", text));
  }
  static std::string guess_unit(std::string_view number) {
    if (number.find('.') != std::string_view::npos || value_of(number) < 10) {
      return fmt::format("{}s", number);
    }
    return fmt::format("{}ms", number);
  }
  static std::unexpected<Complaint> wrong_unit(std::string_view text, std::string_view number,
                                               std::string_view unit) {
    const std::string small = lower(unit);
    std::string_view meant = find_spelling(spellings, small);
    const auto known = std::ranges::find(units, std::string_view{small}, &Unit::name);
    if (known != units.end()) meant = known->name;
    return wrong(fmt::format("\"{}\" is not a duration: the units are us, ms, s, m and h", text),
                 meant.empty() ? std::string{} : fmt::format("{}{}", number, meant));
  }
};

struct BytesTrait {
  using Value = Bytes;
  static constexpr std::array<Unit, 7> units{{{"GiB", 1 << 30},
                                              {"MiB", 1 << 20},
                                              {"KiB", 1 << 10},
                                              {"GB", 1'000'000'000},
                                              {"MB", 1'000'000},
                                              {"KB", 1'000},
                                              {"B", 1}}};
  static constexpr std::array<Spelling, 13> spellings{{
      {"k", "KiB"},
      {"m", "MiB"},
      {"g", "GiB"},
      {"ki", "KiB"},
      {"mi", "MiB"},
      {"gi", "GiB"},
      {"kb", "KB"},
      {"mb", "MB"},
      {"gb", "GB"},
      {"kib", "KiB"},
      {"mib", "MiB"},
      {"gib", "GiB"},
      {"bytes", "B"},
  }};

  static std::string_view type() { return "size"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(B|[KMG]i?B)$|\\$\\{"})";
  }
  static Parsed<Bytes> parse(std::string_view text) {
    const auto [number, unit] = take_apart(text);
    if (number.empty()) {
      return wrong(fmt::format("\"{}\" is not a size such as 64KiB or 10MB", text));
    }
    if (unit.empty()) return wrong(fmt::format("\"{}\" has no unit", text), guess_unit(number));
    const auto known = std::ranges::find(units, unit, &Unit::name);
    if (known == units.end()) {
      const std::string_view meant = find_spelling(spellings, lower(trimmed(unit)));
      return wrong(
          fmt::format("\"{}\" is not a size: the units are B, KB, MB, GB, KiB, MiB and GiB", text),
          meant.empty() ? std::string{} : fmt::format("{}{}", number, meant));
    }
    const double count = value_of(number) * static_cast<double>(known->factor);
    if (count > 1e15) return wrong(fmt::format("\"{}\" is too large", text));
    return Bytes{static_cast<std::uint64_t>(std::llround(count))};
  }
  static std::string print(const Bytes& value) {
    if (value.value == 0) return "0B";
    for (const auto& [name, factor] : units) {
      const auto size = static_cast<std::uint64_t>(factor);
      if (value.value % size == 0) return fmt::format("{}{}", value.value / size, name);
    }
    return {};
  }
  static double measure(const Bytes& value) { return static_cast<double>(value.value); }
  static std::string print_measure(double measure) {
    return print(Bytes{static_cast<std::uint64_t>(measure)});
  }

 private:
  static std::string guess_unit(std::string_view number) {
    const double count = value_of(number);
    if (number.find('.') != std::string_view::npos || count > 1e15) return {};
    return print(Bytes{static_cast<std::uint64_t>(count)});
  }
};

struct RatioTrait {
  using Value = Ratio;
  static std::string_view type() { return "share"; }
  static std::string_view schema() {
    return R"({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?%$|\\$\\{"})";
  }
  static Parsed<Ratio> parse(std::string_view text) {
    const auto [number, unit] = take_apart(text);
    if (number.empty()) return wrong(fmt::format("\"{}\" is not a share such as 10%", text));
    const double count = value_of(number);
    if (unit.empty()) {
      const bool fraction = number.find('.') != std::string_view::npos && count <= 1;
      return wrong(fmt::format("\"{}\" is not a share: a share is written in per cent", text),
                   fmt::format("{:.6g}%", fraction ? count * 100 : count));
    }
    if (unit != "%") {
      return wrong(fmt::format("\"{}\" is not a share such as 10%", text),
                   trimmed(unit) == "%" ? fmt::format("{}%", number) : std::string{});
    }
    if (count > 100) return wrong(fmt::format("\"{}\" is more than 100%", text));
    return percent(count);
  }
  static std::string print(const Ratio& value) { return print_measure(value.value); }
  static double measure(const Ratio& value) { return value.value; }
  static std::string print_measure(double measure) {
    return fmt::format("{:.12g}%", measure * 100);
  }
};

// What was probably meant by something that is nearly a whole number.
std::string guess_number(std::string_view text) {
  std::string digits{text};
  std::erase_if(digits,
                [](char letter) { return letter == '_' || letter == ',' || letter == ' '; });
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  const bool whole = end == digits.c_str() + digits.size() && !digits.empty() && value >= 0 &&
                     value < 1e15 && std::floor(value) == value;
  return whole ? fmt::format("{:.0f}", value) : std::string{};
}

template <class Integer>
struct CountTrait {
  using Value = Integer;
  static constexpr bool literal = true;
  static std::string_view type() { return "count"; }
  static std::string_view schema() {
    return R"({"type": ["integer", "string"], "minimum": 0, "pattern": "\\$\\{"})";
  }
  static Parsed<Integer> parse(std::string_view text) {
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) {
      return wrong(
          fmt::format("\"{}\" is larger than {}", text, std::numeric_limits<Integer>::max()));
    }
    const bool octal = text.size() > 1 && text.front() == '0';
    if (error != std::errc{} || end != text.data() + text.size() || octal) {
      return wrong(fmt::format("\"{}\" is not a whole number", text), guess_number(text));
    }
    return value;
  }
  static std::string print(const Integer& value) { return std::to_string(value); }
  static double measure(const Integer& value) { return static_cast<double>(value); }
  static std::string print_measure(double measure) { return fmt::format("{:.0f}", measure); }
};

struct NumberTrait {
  using Value = double;
  static constexpr bool literal = true;
  static std::string_view type() { return "number"; }
  static std::string_view schema() {
    return R"({"type": ["number", "string"], "minimum": 0, "pattern": "\\$\\{"})";
  }
  static Parsed<double> parse(std::string_view text) {
    const auto [number, unit] = take_apart(text);
    if (number.empty() || !unit.empty() || number.size() > 20) {
      return wrong(fmt::format("\"{}\" is not a number such as 1 or 2.5", text),
                   guess_number(text));
    }
    return value_of(number);
  }
  static std::string print(const double& value) { return fmt::format("{:.12g}", value); }
  static double measure(const double& value) { return value; }
  static std::string print_measure(double measure) { return print(measure); }
};

constexpr Codec duration = make_codec<DurationTrait>();
constexpr Codec maybe_duration = make_optional_codec<DurationTrait>();
constexpr Codec bytes = make_codec<BytesTrait>();
constexpr Codec maybe_bytes = make_optional_codec<BytesTrait>();
constexpr Codec ratio = make_codec<RatioTrait>();
constexpr Codec maybe_ratio = make_optional_codec<RatioTrait>();
constexpr Codec number = make_codec<NumberTrait>();
constexpr Codec count_16 = make_codec<CountTrait<std::uint16_t>>();
constexpr Codec count_32 = make_codec<CountTrait<std::uint32_t>>();
constexpr Codec count_64 = make_codec<CountTrait<std::uint64_t>>();

}  // namespace

const Codec& codec_of(const Duration&) { return duration; }
const Codec& codec_of(const std::optional<Duration>&) { return maybe_duration; }
const Codec& codec_of(const Bytes&) { return bytes; }
const Codec& codec_of(const std::optional<Bytes>&) { return maybe_bytes; }
const Codec& codec_of(const Ratio&) { return ratio; }
const Codec& codec_of(const std::optional<Ratio>&) { return maybe_ratio; }
const Codec& codec_of(const double&) { return number; }
const Codec& codec_of(const std::uint16_t&) { return count_16; }
const Codec& codec_of(const std::uint32_t&) { return count_32; }
const Codec& codec_of(const std::uint64_t&) { return count_64; }

}  // namespace weir::config
