#include "weir/net/http_server.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "weir/net/connector.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;

class Client final : public ConnectEvents, public TransportEvents {
 public:
  Client(Loop& loop, const Address& to, std::string request)
      : request_(std::move(request)), connecting_(TcpConnector{loop}.connect(to, *this)) {}

  void on_connect(std::unique_ptr<Transport> made, ConnectError /*error*/) override {
    transport_ = std::move(made);
    transport_->deliver_to(*this);
    const iovec piece{.iov_base = request_.data(), .iov_len = request_.size()};
    transport_->write({&piece, 1});
    transport_->read(buffer_);
  }
  void on_read(ReadResult result) override {
    received.append(buffer_.data(), result.bytes);
    closed = result.bytes == 0;
    if (!closed) transport_->read(buffer_);
  }
  void on_writable() override {}

  std::string received;
  bool closed = false;

 private:
  std::string request_;
  std::array<char, 4096> buffer_{};
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Connecting> connecting_;
};

class Server : public testing::Test {
 protected:
  void start(HttpLimits limits = {}) {
    auto socket = ListeningSocket::open(Address::v4({127, 0, 0, 1}, 0));
    ASSERT_TRUE(socket);
    server.emplace(
        loop, std::move(*socket),
        [](const HttpRequest& request) {
          if (request.path == "/large")
            return HttpResponse{.body = std::string(8 << 20, 'x'), .fields = {}};
          return HttpResponse{.body = request.method + ' ' + request.path + ' ' + request.query +
                                      ' ' + std::string{request.field("accept")} + ' ' +
                                      request.body,
                              .fields = {}};
        },
        limits);
  }

  std::string ask(const std::string& request) {
    Client client{loop, server->address(), request};
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!client.closed && std::chrono::steady_clock::now() < give_up)
      loop.turn(milliseconds{50});
    EXPECT_TRUE(client.closed) << request;
    return client.received;
  }

  Loop loop;
  std::optional<HttpServer> server;
};

TEST_F(Server, answers_what_is_asked) {
  start();
  EXPECT_EQ(
      ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept:  text/html \r\nConnection: close\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Connection: close\r\n\r\nGET /a b=c text/html ");
}

TEST_F(Server, keeps_the_connection_and_answers_pipelined_requests_in_order) {
  start();
  const std::string answers =
      ask("POST /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcHEAD /2 HTTP/1.1\r\n\r\nGET /3 "
          "HTTP/1.0\r\n\r\n");
  const auto first = answers.find("POST /1   abc");
  const auto third = answers.find("GET /3");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(answers.find("HEAD /2"), std::string::npos);
  EXPECT_GT(third, first);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(Server, sends_more_than_the_socket_takes_at_once) {
  start();
  EXPECT_GT(ask("GET /large HTTP/1.0\r\n\r\n").size(), 8UL << 20U);
}

TEST_F(Server, refuses_what_is_wrong_too_large_or_too_slow) {
  start({.connections = 2,
         .head = Bytes{100},
         .body = Bytes{10},
         .request = milliseconds{20},
         .response = milliseconds{500},
         .idle = milliseconds{20}});
  const struct {
    std::string request;
    std::string status;
  } cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET http://x/ HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nbad name: x\r\n\r\n", "400"},
      {"GET / HTTP/2.0\r\n\r\n", "505"},
      {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "501"},
      {"GET / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", "413"},
      {"GET /" + std::string(200, 'x') + " HTTP/1.1\r\n\r\n", "431"},
      {"GET /" + std::string(200, 'x'), "431"},
  };
  for (const auto& [request, status] : cases) {
    EXPECT_EQ(ask(request).substr(0, 12), "HTTP/1.1 " + status) << request;
  }
  EXPECT_EQ(ask("GET / HT"), "");  // too slow
  EXPECT_EQ(ask(""), "");          // idle
}

TEST_F(Server, closes_connections_beyond_the_limit) {
  start({.connections = 1});
  Client first{loop, server->address(), "GET / HTTP/1.1\r\n\r\n"};
  while (first.received.empty()) loop.turn(milliseconds{50});
  const std::string second = ask("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(second, "");
  EXPECT_FALSE(first.closed);
}

}  // namespace
}  // namespace weir::net
