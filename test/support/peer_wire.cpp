#include "peer_wire.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace peer {
namespace {

constexpr std::size_t kept_body = 1U << 20U;

std::string lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "Name: value" lines, each ended by CR LF.
std::vector<std::pair<std::string, std::string>> read_fields(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!text.empty()) {
    const auto end = std::min(text.find("\r\n"), text.size());
    const auto line = text.substr(0, end);
    if (const auto colon = line.find(':'); colon != line.npos) {
      fields.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return fields;
}

// nullopt for anything but digits of that base: a peer in tests must survive nonsense.
std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

sockaddr_in address_of(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &result.sin_addr);
  return result;
}

void no_delay(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

std::string_view Call::find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return {};
}

int listen_on(const std::string& address, std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in name = address_of(address, port);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      listen(descriptor, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return descriptor;
}

int accept_on(int listener) {
  while (true) {
    const int descriptor = accept(listener, nullptr, nullptr);
    if (descriptor < 0 && errno == EINTR) continue;
    if (descriptor >= 0) no_delay(descriptor);
    return descriptor;
  }
}

int connect_to(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const int descriptor = socket(found->ai_family, SOCK_STREAM, 0);
  const int result = connect(descriptor, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (result != 0) {
    close(descriptor);
    return -1;
  }
  no_delay(descriptor);
  return descriptor;
}

Wire::~Wire() { close(descriptor_); }

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Wire::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool Wire::peer_gone(std::chrono::milliseconds limit) {
  pollfd waiting{.fd = descriptor_, .events = POLLRDHUP, .revents = 0};
  return poll(&waiting, 1, static_cast<int>(limit.count())) > 0;
}

bool Wire::fill() {
  std::array<char, 65536> bytes{};
  while (true) {
    const std::size_t most = pace_ > 0 ? 16384 : bytes.size();
    const ssize_t got = recv(descriptor_, bytes.data(), most, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    if (pace_ > 0) std::this_thread::sleep_for(std::chrono::microseconds{got * 1000 / pace_});
    return true;
  }
}

std::string Wire::read_some() {
  if (buffer_.empty() && !fill()) return {};
  return std::exchange(buffer_, {});
}

std::optional<std::string> Wire::read_head() {
  while (true) {
    if (const auto end = buffer_.find("\r\n\r\n"); end != std::string::npos) {
      std::string head = buffer_.substr(0, end + 2);
      buffer_.erase(0, end + 4);
      return head;
    }
    if (!fill()) return std::nullopt;
  }
}

std::optional<std::string> Wire::read_line() {
  while (true) {
    if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

bool Wire::read_exactly(std::size_t count, std::string* into) {
  while (count > 0) {
    if (buffer_.empty() && !fill()) return false;
    const std::size_t taken = std::min(count, buffer_.size());
    if (into != nullptr && into->size() < kept_body) into->append(buffer_, 0, taken);
    buffer_.erase(0, taken);
    count -= taken;
  }
  return true;
}

std::optional<Call> Wire::read_call(unsigned kib_per_second) {
  pace_ = 0;
  const auto head = read_head();
  if (!head) return std::nullopt;
  const auto line_end = head->find("\r\n");
  const std::string line = head->substr(0, line_end);
  const auto space = line.find(' ');
  const auto last = line.rfind(' ');
  if (space == std::string::npos || last == space) return std::nullopt;
  Call call;
  call.method = line.substr(0, space);
  call.target = line.substr(space + 1, last - space - 1);
  call.fields = read_fields(std::string_view{*head}.substr(line_end + 2));
  call.close = lower(call.find("connection")).contains("close");
  if (lower(call.find("expect")) == "100-continue") send("HTTP/1.1 100 Continue\r\n\r\n");
  pace_ = kib_per_second;
  if (lower(call.find("transfer-encoding")).contains("chunked")) {
    if (!read_chunks(call)) return std::nullopt;
  } else if (const auto length = call.find("content-length"); !length.empty()) {
    const auto size = number(length, 10);
    if (!size || !read_body(call, *size)) return std::nullopt;
  }
  return call;
}

bool Wire::read_body(Call& call, std::uint64_t size) {
  call.body_size += size;
  return read_exactly(size, &call.body);
}

bool Wire::read_chunks(Call& call) {
  while (true) {
    const auto line = read_line();
    if (!line) return false;
    const auto size = number(*line, 16);
    if (!size) return false;
    if (*size == 0) break;
    if (!read_body(call, *size) || !read_line()) return false;
  }
  while (true) {
    const auto line = read_line();
    if (!line) return false;
    if (line->empty()) return true;
    for (auto& field : read_fields(*line + "\r\n")) call.trailers.push_back(std::move(field));
  }
}

}  // namespace peer
