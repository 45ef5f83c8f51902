#include "problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>
#include <utility>

namespace weir::config {
namespace {

std::vector<std::string_view> split_lines(std::string_view source) {
  std::vector<std::string_view> lines;
  while (!source.empty()) {
    const auto end = source.find('\n');
    std::string_view line = source.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    source.remove_prefix(end == std::string_view::npos ? source.size() : end + 1);
  }
  return lines;
}

// Optimal string alignment: insert, delete, replace, swap two neighbours; each costs one.
std::size_t edits(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before(right.size() + 1);
  std::vector<std::size_t> previous(right.size() + 1);
  std::vector<std::size_t> current(right.size() + 1);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t row = 1; row <= left.size(); ++row) {
    current[0] = row;
    for (std::size_t column = 1; column <= right.size(); ++column) {
      const bool same = left[row - 1] == right[column - 1];
      current[column] = std::min(
          {previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (same ? 0U : 1U)});
      const bool swapped = row > 1 && column > 1 && left[row - 1] == right[column - 2] &&
                           left[row - 2] == right[column - 1];
      if (swapped) current[column] = std::min(current[column], before[column - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[right.size()];
}

// What people who know other proxies write, and the word for it here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 48> other_words{{
    {"timeout", "budget"},
    {"deadline", "budget"},
    {"retry", "failover"},
    {"retries", "failover"},
    {"retry_policy", "failover"},
    {"circuit_breaker", "breaker"},
    {"circuitBreaker", "breaker"},
    {"outlier_detection", "ejection"},
    {"health_check", "health"},
    {"healthcheck", "health"},
    {"max_concurrent_streams", "streams"},
    {"h2", "http/2"},
    {"h2c", "http/2"},
    {"grpc", "http/2"},
    {"instances", "endpoints"},
    {"servers", "endpoints"},
    {"hosts", "endpoints"},
    {"backends", "upstreams"},
    {"clusters", "upstreams"},
    {"upstream", "to"},
    {"cluster", "to"},
    {"backend", "to"},
    {"target", "to"},
    {"max", "maximum"},
    {"min", "minimum"},
    {"load_balancing", "balance"},
    {"lb_policy", "balance"},
    {"app", "application"},
    {"address", "listen"},
    {"bind", "listen"},
    {"log", "access_log"},
    {"threads", "workers"},
    {"max_connections", "connections"},
    {"weights", "split"},
    {"on", "strict"},
    {"true", "strict"},
    {"mtls", "strict"},
    {"mutual", "strict"},
    {"cert", "certificate"},
    {"ca_file", "ca"},
    {"bundle", "ca"},
    {"sni", "server_name"},
    {"hostname", "server_name"},
    {"spiffe_ids", "identities"},
    {"principals", "allow"},
    {"from", "allow"},
    {"transparent", "redirect"},
    {"iptables", "redirect"},
}};

Problems in_order(Problems problems) {
  std::ranges::sort(problems, {}, [](const Problem& problem) {
    return std::tie(problem.line, problem.column, problem.message);
  });
  return problems;
}

}  // namespace

Collector::Collector(std::string file, std::string_view source)
    : file_(std::move(file)), lines_(split_lines(source)) {}

Problem Collector::make(Severity severity, Position at, std::string_view offending,
                        Complaint complaint) {
  constexpr std::size_t longest = 200;
  const auto index = static_cast<std::size_t>(at.line) - 1;
  return {severity,
          file_,
          at.line,
          at.column,
          std::string{offending.substr(0, longest)},
          std::move(complaint.message),
          std::move(complaint.suggestion),
          index < lines_.size() ? std::string{lines_[index]} : std::string{}};
}

void Collector::error(Position at, std::string_view offending, Complaint complaint) {
  if (full()) return;
  errors_.push_back(make(Severity::error, at, offending, std::move(complaint)));
}

void Collector::warn(Position at, std::string_view offending, Complaint complaint) {
  if (warnings_.size() >= most_problems) return;
  warnings_.push_back(make(Severity::warning, at, offending, std::move(complaint)));
}

Problems Collector::take_errors() { return in_order(std::exchange(errors_, {})); }

Problems Collector::take_warnings() { return in_order(std::exchange(warnings_, {})); }

std::optional<std::string_view> nearest(std::string_view written,
                                        std::span<const std::string_view> candidates) {
  constexpr std::size_t longest = 64;  // no key is longer; keeps hostile input cheap
  if (written.empty() || written.size() > longest) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t fewest = std::max<std::size_t>(1, written.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > longest) continue;
    if (const std::size_t count = edits(written, candidate); count < fewest) {
      fewest = count;
      best = candidate;
    }
  }
  if (best) return best;
  for (const auto& [word, ours] : other_words) {
    if (word != written) continue;
    const auto found = std::ranges::find(candidates, ours);
    if (found != candidates.end()) return *found;
  }
  return std::nullopt;
}

std::string format(const Problem& problem) {
  constexpr std::size_t widest = 200;  // of the excerpt; a longer line is not shown
  const std::string_view kind = problem.severity == Severity::error ? "error" : "warning";
  std::string text = fmt::format("{}:{}:{}: {}: {}\n", problem.file, problem.line, problem.column,
                                 kind, problem.message);
  const auto before = static_cast<std::size_t>(problem.column) - 1;
  // A file must not be able to send control sequences to the terminal.
  std::string line = problem.source_line;
  std::ranges::replace_if(
      line, [](char byte) { return static_cast<unsigned char>(byte) < 0x20U && byte != '\t'; },
      '?');
  if (!line.empty() && line.size() <= widest && before <= line.size()) {
    text += fmt::format("    {}\n    ", line);
    // Tabs stay tabs and a character of several bytes counts once, so that the caret stands right.
    for (const char byte : std::string_view{line}.substr(0, before)) {
      const bool continuation = (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
      if (!continuation) text += byte == '\t' ? '\t' : ' ';
    }
    const std::size_t shown = std::min(problem.offending.size(), line.size() - before);
    text += '^' + std::string(shown > 1 ? shown - 1 : 0, '~') + '\n';
  }
  if (!problem.suggestion.empty()) {
    text += fmt::format("  did you mean \"{}\"?\n", problem.suggestion);
  }
  return text;
}

}  // namespace weir::config
