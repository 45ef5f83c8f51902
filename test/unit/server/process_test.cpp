// One process from its start to the end of its drain, asked by an operator over loopback.

#include "weir/server/process.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace weir::server {
namespace {

using std::chrono::seconds;

std::uint16_t free_port() {
  const auto socket = net::ListeningSocket::open(Address::v4({127, 0, 0, 1}, 0));
  return socket ? socket->address().port() : std::uint16_t{0};
}

// What a blocking client gets; empty when nobody listens.
std::string get(std::uint16_t port, const std::string& path) {
  const net::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* name = &to;
  if (::connect(socket.number(), static_cast<const sockaddr*>(name), sizeof to) != 0) return "";
  const std::string request = fmt::format("GET {} HTTP/1.0\r\n\r\n", path);
  if (::send(socket.number(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string answer;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::recv(socket.number(), buffer.data(), buffer.size(), 0)) > 0) {
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return answer;
}

template <class Predicate>
bool becomes_true(Predicate done) {
  const auto give_up = std::chrono::steady_clock::now() + seconds{20};
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

class Running : public testing::Test {
 protected:
  Running() { write("1"); }
  ~Running() override { std::filesystem::remove(path); }

  void write(const std::string& version) {
    // Renamed into place: a reader never sees half of it.
    std::ofstream{path + ".new"} << fmt::format(
        "service: {{ name: orders, version: \"{}\" }}\n"
        "admin: {{ listen: 127.0.0.1:{} }}\n"
        "access_log: {{ path: /dev/null }}\n"
        "process: {{ workers: 2 }}\n"
        "inbound: {{ listen: 127.0.0.1:{}, application: 127.0.0.1:1 }}\n",
        version, admin, inbound);
    std::filesystem::rename(path + ".new", path);
  }

  const std::uint16_t admin = free_port();
  const std::uint16_t inbound = free_port();
  const std::string path =
      testing::TempDir() + "weir-process-" + std::to_string(::getpid()) + ".yaml";
};

TEST_F(Running, answers_probes_and_scrapes_serves_reloads_and_drains) {
  Process process{path, std::chrono::steady_clock::now()};
  const auto begun = process.start();
  ASSERT_TRUE(begun) << begun.error().text;
  std::jthread user{[&] {
    EXPECT_TRUE(get(admin, "/healthz").starts_with("HTTP/1.1 200"));
    EXPECT_NE(get(admin, "/status.json").find("\"orders\""), std::string::npos);
    EXPECT_TRUE(get(admin, "/readyz").starts_with("HTTP/1.1 200"));
    EXPECT_TRUE(get(admin, "/nothing").starts_with("HTTP/1.1 404"));
    // Nobody is behind it, so the answer is weir's own.
    EXPECT_TRUE(get(inbound, "/").starts_with("HTTP/1.1 "));
    const auto has = [&](const char* text) {
      return [this, text] { return get(admin, "/metrics").find(text) != std::string::npos; };
    };
    EXPECT_TRUE(becomes_true(has("weir_config_generation 1\n")));
    write("2");
    EXPECT_TRUE(becomes_true(has("weir_config_generation 2\n")));
    std::ofstream{path} << "nonsense: [";
    EXPECT_TRUE(becomes_true(has("weir_config_last_reload_successful 0\n")));
    EXPECT_TRUE(has("weir_config_generation 2\n")());
    EXPECT_TRUE(get(inbound, "/").starts_with("HTTP/1.1 "));
    ::kill(::getpid(), SIGTERM);
  }};
  process.run();
  EXPECT_EQ(get(inbound, "/"), "");
}

TEST_F(Running, does_not_begin_with_a_bad_file_or_a_taken_address) {
  const auto taken = net::ListeningSocket::open(Address::v4({127, 0, 0, 1}, inbound));
  ASSERT_TRUE(taken);
  Process blocked{path, std::chrono::steady_clock::now()};
  const auto first = blocked.start();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, StartError::Kind::address);

  std::ofstream{path} << "inbund: {}\n";
  Process misled{path, std::chrono::steady_clock::now()};
  const auto second = misled.start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, StartError::Kind::configuration);
  EXPECT_NE(second.error().text.find("inbund"), std::string::npos);
}

}  // namespace
}  // namespace weir::server
