#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <expected>
#include <optional>
#include <string>

#include "cli/demo_caller.h"
#include "cli/options.h"
#include "weir/cli/commands.h"
#include "weir/config/load.h"
#include "weir/net/loop.h"

namespace weir::cli {
namespace {

// Whoever asks us gives up after a second at the earliest (Kubernetes' default), and should then
// have read why.
constexpr Duration limit = std::chrono::milliseconds{900};
constexpr Duration pause = std::chrono::milliseconds{50};  // before it is asked again
constexpr std::uint16_t yes = 200;
constexpr std::size_t longest_reason = 200;

std::expected<Address, std::string> parse(std::string_view text, std::string_view origin) {
  if (const auto address = Address::parse(text)) return *address;
  return std::unexpected(
      fmt::format("{} \"{}\" is not an address such as 127.0.0.1:9901", origin, text));
}

std::expected<Address, std::string> from_file(const std::string& file) {
  const auto loaded = config::load_file(file);
  if (!loaded) {
    const auto& first = loaded.error().front();
    return std::unexpected(
        fmt::format("{}:{}:{}: {}", file, first.line, first.column, first.message));
  }
  const auto& listen = loaded->service.admin.listen;
  if (!listen) return std::unexpected(fmt::format("{}: admin.listen is off", file));
  if (listen->port() == 0) {
    return std::unexpected(fmt::format("{}: admin.listen leaves the port to the system", file));
  }
  return *listen;
}

std::expected<Address, std::string> where_to_ask(const ProbeOptions& options) {
  if (!options.admin.empty()) return parse(options.admin, "--admin");
  if (!options.config.empty()) return from_file(options.config);
  if (const char* text = std::getenv("WEIR_ADMIN"); text != nullptr && *text != '\0') {
    return parse(text, "WEIR_ADMIN");
  }
  return *policy::Admin{}.listen;
}

// What listens everywhere is asked on loopback.
Address reachable(const Address& listen) {
  if (!std::ranges::all_of(listen.host_bytes(), [](auto byte) { return byte == 0; })) return listen;
  if (listen.family() == Address::Family::v4) return Address::v4({127, 0, 0, 1}, listen.port());
  std::array<std::uint8_t, 16> loopback{};
  loopback.back() = 1;
  return Address::v6(loopback, listen.port());
}

CallResult ask(net::Loop& loop, HttpCaller& caller, const http::RequestHead& request) {
  std::optional<CallResult> result;
  caller.get(request, limit, [&](const CallResult& answer) { result = answer; });
  while (!result) loop.turn(limit);
  return *result;
}

// Until the answer is yes or `patience` has passed; the first question is always asked.
CallResult ask(const Address& admin, std::string_view path, Duration patience) {
  net::Loop loop;
  HttpCaller caller{loop, admin};
  const auto request = get_request(admin.text(), path);
  const Instant end = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto answer = ask(loop, caller, request);
    const Instant again = std::chrono::steady_clock::now() + pause;
    if (answer.status == yes || again > end) return answer;
    while (std::chrono::steady_clock::now() < again) loop.turn(pause);
  }
}

// The first line of what may have come from anywhere, for a terminal.
std::string reason_in(const std::string& body) {
  std::string reason = body.substr(0, std::min(body.find('\n'), longest_reason));
  std::ranges::replace_if(reason, [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return reason;
}

}  // namespace

int probe(const ProbeOptions& options) {
  const auto listen = where_to_ask(options);
  if (!listen) {
    fmt::print(stderr, "weir: {}\n", listen.error());
    return exit_code::no;
  }
  const Address admin = reachable(*listen);
  const auto* path = options.question == ProbeQuestion::live ? "/healthz" : "/readyz";
  const CallResult answer = ask(admin, path, options.patience);
  if (answer.status == 0) {
    fmt::print(stderr, "weir: {}{}: {}\n", admin.text(), path,
               answer.took < limit
                   ? "nobody answers"
                   : fmt::format("no answer within {} ms", whole_milliseconds(limit)));
    return exit_code::no;
  }
  const bool good = answer.status == yes;
  fmt::print(good ? stdout : stderr, "weir: {}{}: {} {}\n", admin.text(), path, answer.status,
             reason_in(answer.body));
  return good ? exit_code::ok : exit_code::no;
}

}  // namespace weir::cli
