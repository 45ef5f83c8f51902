// Bulk between two real sockets moves through kernel pipes: whole, in order, and pipes are given
// back when it is over.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "weir/net/connector.h"
#include "weir/net/listener.h"
#include "weir/proxy/tunnel_relay.h"

namespace weir::proxy {
namespace {

using std::chrono::milliseconds;

net::Descriptor open_socket() {
  return net::Descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
}

// 127.0.0.1, and a port of which 0 is any.
struct Name {
  explicit Name(std::uint16_t port = 0) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
  }
  sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&address)); }
  sockaddr_in address{};
  socklen_t length = sizeof address;
};

struct Owner final : Wakeable {
  void wake() override {}
};

struct Accepted final : net::AcceptEvents {
  void on_accept(net::Arrival arrival) override { transport = std::move(arrival).plain(); }
  std::unique_ptr<net::Transport> transport;
};

struct Connected final : net::ConnectEvents {
  void on_connect(std::unique_ptr<net::Transport> made, net::ConnectError) override {
    transport = std::move(made);
  }
  std::unique_ptr<net::Transport> transport;
};

// A caller and a server with a relay between them, all on loopback and on one thread.
class Splice : public testing::Test {
 protected:
  void SetUp() override {
    auto front = net::ListeningSocket::open(Address::v4({127, 0, 0, 1}, 0));
    const net::Descriptor back = open_socket();
    Name behind;
    ASSERT_EQ(::bind(back.number(), behind.get(), behind.length), 0);
    ASSERT_EQ(::listen(back.number(), 1), 0);
    ASSERT_EQ(::getsockname(back.number(), behind.get(), &behind.length), 0);
    caller = open_socket();
    Name before{front->address().port()};
    ASSERT_EQ(::connect(caller.number(), before.get(), before.length), 0);
    net::Listener listener{loop, std::move(*front), accepted};
    const Address to = Address::v4({127, 0, 0, 1}, ntohs(behind.address.sin_port));
    const auto connecting = connector.connect(to, connected);
    for (int i = 0; i < 100 && !(accepted.transport && connected.transport); ++i) {
      loop.turn(milliseconds{10});
    }
    ASSERT_TRUE(accepted.transport && connected.transport);
    server = net::Descriptor{::accept4(back.number(), nullptr, nullptr, SOCK_NONBLOCK)};
    relay = std::make_unique<TunnelRelay>(space, loop.scheduler().ready(), owner);
    relay->own(std::move(accepted.transport));
    relay->start(std::move(connected.transport));
  }

  // Sends all of `text` from the caller and returns what the server got, with `sent_before` bytes.
  std::string carry(const std::string& text, std::size_t sent_before = 0) {
    std::string received;
    const std::size_t expected = text.size() + sent_before;
    std::array<char, 256UL * 1024> buffer{};
    int patience = 20'000;
    for (std::size_t sent = 0; received.size() < expected && --patience > 0;) {
      const ssize_t written = ::send(caller.number(), text.data() + sent, text.size() - sent,
                                     MSG_DONTWAIT | MSG_NOSIGNAL);
      sent += static_cast<std::size_t>(std::max<ssize_t>(written, 0));
      loop.turn(milliseconds{1});
      most_pipes = std::max(most_pipes, space.pipes.lent());
      const ssize_t count = ::recv(server.number(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (count == 0) break;
      if (count > 0) received.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return received;
  }

  static std::string text_of(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
  }

  net::Loop loop;
  net::TcpConnector connector{loop};
  Accepted accepted;
  Connected connected;
  net::Descriptor caller;
  net::Descriptor server;
  RelaySpace space;
  Owner owner;
  std::unique_ptr<TunnelRelay> relay;
  std::size_t most_pipes = 0;
};

TEST_F(Splice, carries_bulk_through_a_pipe_and_small_things_without) {
  EXPECT_EQ(carry("a question"), "a question");
  EXPECT_EQ(most_pipes, 0U);
  const std::string bulk = text_of(16UL << 20U);
  EXPECT_TRUE(carry(bulk) == bulk);
  EXPECT_EQ(most_pipes, 1U) << "one direction, one pipe";
  EXPECT_EQ(carry("a question"), "a question");
  EXPECT_EQ(carry("and another"), "and another");
  EXPECT_EQ(space.pipes.lent(), 0U) << "given back after the first small piece";
}

TEST_F(Splice, gives_a_full_pipe_back_when_the_tunnel_ends_in_the_middle) {
  const std::string bulk = text_of(16UL << 20U);
  // Nobody takes anything at the other end.
  for (int i = 0; i < 1000 && space.pipes.lent() == 0; ++i) {
    EXPECT_NE(::send(caller.number(), bulk.data(), bulk.size(), MSG_DONTWAIT | MSG_NOSIGNAL), 0);
    loop.turn(milliseconds{1});
  }
  EXPECT_EQ(space.pipes.lent(), 1U);
  relay->reset();
  relay.reset();
  EXPECT_EQ(space.pipes.lent(), 0U);
}

TEST_F(Splice, copies_where_no_pipe_can_be_had) {
  space.pipes = net::KernelPipes{0};
  const std::string bulk = text_of(4UL << 20U);
  EXPECT_TRUE(carry(bulk) == bulk);
  EXPECT_EQ(most_pipes, 0U);
}

// What telnet does to be heard at once. Whatever was sent after it must not wait behind it.
TEST_F(Splice, carries_urgent_bytes_in_their_place) {
  for (const bool bulk : {false, true}) {
    if (bulk) carry(text_of(4UL << 20U));
    const std::string before = bulk ? text_of(40'000) : "before";
    ASSERT_GT(::send(caller.number(), before.data(), before.size(), 0), 0);
    ASSERT_EQ(::send(caller.number(), "!", 1, MSG_OOB), 1);
    EXPECT_TRUE(carry("after", before.size() + 1) == before + "!after");
    EXPECT_EQ(carry("and more"), "and more");
  }
}

TEST(KernelPipes, lend_no_more_than_their_limit) {
  net::KernelPipes pipes{1};
  auto first = pipes.take();
  ASSERT_TRUE(first);
  EXPECT_FALSE(pipes.take());
  pipes.give_back(std::move(first));
  EXPECT_TRUE(pipes.take());
}

TEST(KernelPipes, are_asked_for_again_a_while_after_the_kernel_has_refused_one) {
  net::KernelPipes pipes;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_FALSE(pipes.take());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (std::size_t i = 0; i < net::KernelPipes::rests; ++i) EXPECT_FALSE(pipes.take());
  EXPECT_TRUE(pipes.take());
}

}  // namespace
}  // namespace weir::proxy
