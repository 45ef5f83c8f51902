// Concurrent GET traffic for tests: a line for every request, so that a test can judge each one.
//
//   weir_peer_load --port N [--address A] [--host H] [--path P] [--method M] [--connections N]
//                  [--rate PER_SECOND] [--seconds N] [--budget-ms N] [--prefix P]
//
// Runs for --seconds or until SIGTERM. Output, one line per request, in order of completion:
//   START_MS ELAPSED_MS STATUS INSTANCE ID
// with START_MS on the monotonic clock. STATUS 0: the request was sent and its answer was lost or
// cut. STATUS -1: the connection was refused, so nothing was sent. As RFC 9110, 9.2.2 lets clients
// do, a request on a reused connection that dies before any byte of the answer is sent once more
// on a new one.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "peer_wire.h"

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string host = "catalog";
  std::string path = "/";
  std::string method = "GET";
  std::string prefix = "r";
  unsigned connections = 8;
  double rate = 0;  // all connections together; zero: as fast as they go
  double seconds = 3600;
  unsigned budget_ms = 0;  // zero: no grant is sent
};

struct Answer {
  int status = 0;
  bool nothing_came = false;
  bool close = false;
  std::string instance = "-";
};

std::atomic<bool> stopping{false};
std::atomic<unsigned> next_id{0};

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// The value of a field in a head in lower case; empty when absent.
std::string field(const std::string& head, std::string_view name) {
  const auto start = head.find("\r\n" + std::string{name} + ": ");
  if (start == std::string::npos) return {};
  const auto value = start + name.size() + 4;
  return head.substr(value, head.find("\r\n", value) - value);
}

bool read_body(peer::Wire& wire, const std::string& head) {
  if (const std::string length = field(head, "content-length"); !length.empty()) {
    return wire.read_exactly(std::stoul(length), nullptr);
  }
  if (field(head, "transfer-encoding") != "chunked") return true;
  while (true) {
    const auto size = wire.read_line();
    if (!size || !wire.read_exactly(std::stoul(*size, nullptr, 16), nullptr)) return false;
    if (!wire.read_line()) return false;
    if (*size == "0") return true;
  }
}

Answer ask(peer::Wire& wire, const std::string& request) {
  Answer answer;
  if (!wire.send(request)) {
    answer.nothing_came = true;
    return answer;
  }
  auto head = wire.read_head();
  if (!head) {
    answer.nothing_came = true;
    return answer;
  }
  *head = lower(*head);
  if (!read_body(wire, *head)) return answer;
  answer.status = std::stoi(head->substr(9, 3));
  answer.close = field(*head, "connection") == "close";
  if (const auto instance = field(*head, "x-instance"); !instance.empty())
    answer.instance = instance;
  return answer;
}

class Caller {
 public:
  explicit Caller(const Options& options) : options_(options) {}

  Answer call(const std::string& id) {
    std::string request = options_.method + " " + options_.path +
                          " HTTP/1.1\r\nhost: " + options_.host + "\r\nx-request-id: " + id +
                          "\r\n";
    if (options_.budget_ms > 0) {
      request += "weir-budget-ms: " + std::to_string(options_.budget_ms) + "\r\n";
    }
    if (options_.method == "POST") request += "content-length: 0\r\n";
    request += "\r\n";
    const bool reused = wire_ != nullptr;
    Answer answer = once(request);
    if (reused && answer.nothing_came) answer = once(request);
    return answer;
  }

 private:
  Answer once(const std::string& request) {
    if (!wire_) {
      const int descriptor = peer::connect_to(options_.address, options_.port);
      if (descriptor < 0) return {.status = -1};
      wire_ = std::make_unique<peer::Wire>(descriptor);
    }
    Answer answer = ask(*wire_, request);
    if (answer.status <= 0 || answer.close) wire_.reset();
    return answer;
  }

  const Options& options_;
  std::unique_ptr<peer::Wire> wire_;
};

void run(const Options& options, unsigned number) {
  Caller caller{options};
  const auto begin = Clock::now();
  const auto pause = options.rate > 0
                         ? std::chrono::duration<double>{options.connections / options.rate}
                         : std::chrono::duration<double>{0};
  auto due =
      begin + std::chrono::duration_cast<Clock::duration>(pause * number / options.connections);
  while (!stopping && Clock::now() - begin < std::chrono::duration<double>{options.seconds}) {
    std::this_thread::sleep_until(due);
    const std::string id = options.prefix + std::to_string(++next_id);
    const auto start = Clock::now();
    const Answer answer = caller.call(id);
    std::printf("%.2f %.2f %d %s %s\n", Milliseconds{start.time_since_epoch()}.count(),
                Milliseconds{Clock::now() - start}.count(), answer.status, answer.instance.c_str(),
                id.c_str());
    due = std::max(due + std::chrono::duration_cast<Clock::duration>(pause), start);
    if (answer.status == -1) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

Options read_options(int count, char** arguments) {
  Options options;
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = arguments[index];
    const std::string value = arguments[index + 1];
    if (name == "--address") options.address = value;
    if (name == "--port") options.port = static_cast<std::uint16_t>(std::stoul(value));
    if (name == "--host") options.host = value;
    if (name == "--path") options.path = value;
    if (name == "--method") options.method = value;
    if (name == "--prefix") options.prefix = value;
    if (name == "--connections") options.connections = static_cast<unsigned>(std::stoul(value));
    if (name == "--rate") options.rate = std::stod(value);
    if (name == "--seconds") options.seconds = std::stod(value);
    if (name == "--budget-ms") options.budget_ms = static_cast<unsigned>(std::stoul(value));
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, [](int) { stopping = true; });
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // tests read along
  const Options options = read_options(count, arguments);
  std::vector<std::thread> callers;
  for (unsigned number = 0; number < options.connections; ++number) {
    callers.emplace_back([&options, number] { run(options, number); });
  }
  for (std::thread& caller : callers) caller.join();
  std::fflush(stdout);
}
