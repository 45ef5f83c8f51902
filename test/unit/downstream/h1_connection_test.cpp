#include "weir/downstream/h1_connection.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/fake_transport.h"

namespace weir::downstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view get = "GET /1 HTTP/1.1\r\nHost: catalog\r\n\r\n";

struct Watcher final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

// A caller, its connection, and a handler that keeps the stream until the test answers it, or
// answers at once with the target.
struct Call final : Handler, ConnectionOwner {
  explicit Call(const policy::Limits& with = {}) : limits(with) {}

  void on_request(Stream& given) override {
    EXPECT_FALSE(within);
    within = true;
    stream = &given;
    targets.push_back(given.head().target);
    if (answers_at_once) answer(given.head().target);
    within = false;
  }
  void on_malformed(codec::H1Error error) override { malformed = error; }
  void on_request_timeout() override { ++timeouts; }
  void on_closed(H1Connection&, net::Closed reason) override {
    EXPECT_FALSE(closed);
    closed = reason;
  }

  static http::ResponseHead head_of(http::BodyLength length, std::uint16_t status = 200) {
    http::ResponseHead head;
    head.status = status;
    head.body = length;
    return head;
  }
  void answer(std::string_view text, std::optional<http::BodyLength> length = {}) {
    Stream& answered = *std::exchange(stream, nullptr);
    auto head = head_of(length.value_or(http::BodyLength::known(text.size())));
    http::Sink& sink = answered.respond(head);
    if (!text.empty()) sink.write(text);
    sink.finish(nullptr);
    answered.done(Ending::complete);
  }

  // Delivers everything that can be delivered without time passing.
  void settle() {
    do scheduler.turn(scheduler.now());
    while (!closed && peer.deliver());
  }
  void send(std::string_view bytes) {
    peer.send(bytes);
    settle();
  }
  void pass(Duration time) {
    scheduler.turn(scheduler.now() + time);
    settle();
  }
  std::string received() {
    settle();
    return peer.received();
  }

  policy::Limits limits;
  Scheduler scheduler{Instant{seconds{1000}}};
  net::FakePeer peer;
  Stream* stream = nullptr;
  std::vector<std::string> targets;
  std::optional<codec::H1Error> malformed;
  std::optional<net::Closed> closed;
  int timeouts = 0;
  bool answers_at_once = false;
  bool within = false;
  H1Connection connection{peer.connect(), scheduler, limits, *this, *this};
};

std::string ok(std::string_view text, std::string_view more = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string{more} +
         "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + std::string{text};
}

// The same, where framing stands before Connection.
std::string last_ok(std::string_view text) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\nConnection: close\r\n\r\n" + std::string{text};
}

TEST(H1Connection, hands_over_a_request_when_its_head_is_complete) {
  Call call;
  const Instant first_byte = call.scheduler.now();
  call.send(get.substr(0, 10));
  EXPECT_EQ(call.connection.state(), H1Connection::State::head);
  call.pass(milliseconds{5});
  EXPECT_EQ(call.stream, nullptr);
  call.send(get.substr(10));
  ASSERT_NE(call.stream, nullptr);
  EXPECT_EQ(call.stream->head().target, "/1");
  EXPECT_EQ(call.stream->first_byte(), first_byte);
  EXPECT_EQ(call.stream->caller(), Caller::present);
  EXPECT_EQ(call.stream->body().pull().state, http::Pull::State::end);
  call.answer("hello");
  EXPECT_EQ(call.received(), ok("hello"));
  EXPECT_EQ(call.connection.state(), H1Connection::State::idle);
}

TEST(H1Connection, pipelined_requests_wait_for_the_answer_before) {
  Call call;
  call.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1"}));
  call.answer("one");
  EXPECT_EQ(call.targets.size(), 1U);  // never from within done()
  EXPECT_EQ(call.received(), ok("one"));
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1", "/2"}));
  call.answer("two");  // the body that nobody read has arrived, and is dropped
  EXPECT_EQ(call.received(), ok("two"));
  call.answer("three");
  EXPECT_EQ(call.received(), ok("three"));
  EXPECT_EQ(call.targets, (std::vector<std::string>{"/1", "/2", "/3"}));
}

TEST(H1Connection, a_long_pipeline_does_not_nest_and_is_answered_in_order) {
  Call call;
  call.answers_at_once = true;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string target = "/" + std::to_string(i);
    call.peer.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    expected += ok(target);
  }
  EXPECT_EQ(call.received(), expected);
}

TEST(H1Connection, continue_is_said_when_the_body_is_wanted_and_only_then) {
  constexpr std::string_view head =
      "POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  Call asked;
  asked.send(head);
  EXPECT_EQ(asked.received(), "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(asked.stream->body().pull().state, http::Pull::State::pending);
  }
  EXPECT_EQ(asked.received(), "HTTP/1.1 100 Continue\r\n\r\n");
  asked.send("abc");
  EXPECT_EQ(asked.stream->body().pull().bytes.size(), 3U);
  asked.stream->body().consume(3);
  asked.answer("hello");
  EXPECT_EQ(asked.received(), ok("hello"));
  EXPECT_EQ(asked.connection.state(), H1Connection::State::idle);

  Call impatient;
  impatient.send(std::string{head} + "abc");
  EXPECT_EQ(impatient.stream->body().pull().state, http::Pull::State::data);
  EXPECT_EQ(impatient.received(), "");
}

TEST(H1Connection, an_answer_without_the_body_ends_the_connection) {
  Call call;
  call.send("POST /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 34\r\n\r\n");
  call.answer("no");
  EXPECT_TRUE(call.received().ends_with("\r\n\r\nno"));
  EXPECT_TRUE(call.peer.was_ended());
  call.send(get);  // as large as the body, and never a request
  EXPECT_EQ(call.targets.size(), 1U);
}

TEST(H1Connection, a_head_that_takes_too_long_is_answered_408_however_it_trickles) {
  Call call;
  for (const char letter : std::string_view{"GET /1 HTT"}) {
    EXPECT_EQ(call.timeouts, 0);
    call.send({&letter, 1});
    call.pass(call.limits.header_timeout / 10);
  }
  call.pass(milliseconds{1});
  EXPECT_EQ(call.timeouts, 1);
  EXPECT_FALSE(call.malformed);
  const std::string reply = call.received();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << reply;
  EXPECT_NE(reply.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(reply.find("proxy-status: weir; error=http_request_error"), std::string::npos);
  EXPECT_TRUE(call.peer.was_ended());
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::timeout);
}

TEST(H1Connection, an_idle_connection_is_closed_without_a_word) {
  Call call;
  call.pass(call.limits.idle_timeout - milliseconds{1});
  EXPECT_FALSE(call.closed);
  call.pass(milliseconds{2});
  EXPECT_EQ(call.closed, net::Closed::idle);
  EXPECT_EQ(call.received(), "");
}

TEST(H1Connection, a_refusal_lingers_until_the_caller_has_had_time_to_read_it) {
  struct Case {
    std::string_view bytes;
    std::string_view status;
    codec::H1Error error;
  };
  constexpr Case cases[] = {
      {"GET /1 HTTP/1.1\r\n\r\n", "400", codec::H1Error::missing_host},
      {"GET / HTTP/3.0\r\n", "505", codec::H1Error::unsupported_version},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", "501",
       codec::H1Error::unknown_transfer_coding},
  };
  for (const Case& one : cases) {
    Call call;
    call.send(one.bytes);
    EXPECT_EQ(call.malformed, one.error);
    EXPECT_EQ(call.received().substr(9, 3), one.status);
    EXPECT_TRUE(call.peer.was_ended());
    call.send(get);
    call.pass(milliseconds{1900});
    EXPECT_FALSE(call.closed);
    EXPECT_EQ(call.peer.unread(), 0U);
    EXPECT_TRUE(call.targets.empty());
    call.pass(milliseconds{200});
    EXPECT_EQ(call.closed, net::Closed::error);
  }
}

TEST(H1Connection, a_head_beyond_the_limit_is_refused) {
  policy::Limits limits;
  limits.header = Bytes{1000};
  Call call{limits};
  call.send("GET /1 HTTP/1.1\r\nHost: a\r\nx-long: " + std::string(2000, 'x'));
  EXPECT_EQ(call.received().substr(9, 3), "431");
}

TEST(H1Connection, half_closing_is_a_sign_of_going_and_still_answered) {
  Call call;
  Watcher watcher;
  call.send(get);
  call.stream->wake_on_change(&watcher);
  call.peer.end();
  call.settle();
  EXPECT_EQ(watcher.woken, 1);
  EXPECT_EQ(call.stream->caller(), Caller::gone);
  call.answer("hello");
  EXPECT_EQ(call.received(), ok("hello"));
  EXPECT_EQ(call.closed, net::Closed::peer);
}

TEST(H1Connection, a_reset_makes_the_caller_gone_and_answering_harmless) {
  Call call;
  Watcher watcher;
  call.send(get);
  call.stream->wake_on_change(&watcher);
  call.peer.reset();
  call.settle();
  EXPECT_EQ(watcher.woken, 1);
  EXPECT_EQ(call.stream->caller(), Caller::gone);
  call.answer("hello");
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::error);
}

TEST(H1Connection, bytes_without_a_whole_head_are_no_request) {
  for (const std::string_view bytes : {"", "GET /1 HTTP/1.1\r\nHost: a\r\n"}) {
    Call call;
    call.send(bytes);
    call.peer.end();
    call.settle();
    EXPECT_EQ(call.closed, bytes.empty() ? net::Closed::peer : net::Closed::error);
    EXPECT_TRUE(call.targets.empty());
  }
}

TEST(H1Connection, speaks_to_http_1_0_in_its_own_terms) {
  Call once;
  once.send("GET /1 HTTP/1.0\r\n\r\n");
  once.stream->inform(Call::head_of({}, 103));  // RFC 9110, 15.2
  once.answer("hello");
  EXPECT_EQ(once.received(), last_ok("hello"));
  EXPECT_TRUE(once.peer.was_ended());

  Call kept;
  kept.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.answer("hello");
  EXPECT_EQ(kept.received(), ok("hello", "connection: keep-alive\r\n"));
  EXPECT_EQ(kept.connection.state(), H1Connection::State::idle);

  kept.send("GET /2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  kept.answer("hello", http::BodyLength::chunked());
  EXPECT_EQ(kept.received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(kept.peer.was_ended());
}

TEST(H1Connection, a_body_until_close_becomes_chunks_and_the_connection_goes_on) {
  Call call;
  call.send(get);
  call.answer("hello", http::BodyLength::until_close());
  EXPECT_EQ(call.received(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(call.connection.state(), H1Connection::State::idle);
}

TEST(H1Connection, the_answer_to_head_has_a_length_and_no_body) {
  Call call;
  call.send("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  call.answer("", http::BodyLength::known(5));
  EXPECT_EQ(call.received(), ok("hello").substr(0, ok("hello").size() - 5));
  EXPECT_EQ(call.connection.state(), H1Connection::State::idle);
}

TEST(H1Connection, the_last_of_its_requests_is_told_to_be) {
  policy::Limits limits;
  limits.requests = 2;
  Call call{limits};
  call.answers_at_once = true;
  call.send(get);
  EXPECT_EQ(call.received(), ok("/1"));
  call.send(get);
  EXPECT_EQ(call.received(), last_ok("/1"));
  call.peer.end();
  call.settle();
  EXPECT_EQ(call.closed, net::Closed::limit);
}

TEST(H1Connection, draining_answers_what_comes_within_the_grace_and_closes) {
  Call crossing;
  crossing.answers_at_once = true;
  crossing.connection.drain();
  crossing.pass(milliseconds{900});
  crossing.send(get);
  EXPECT_EQ(crossing.received(), last_ok("/1"));
  EXPECT_TRUE(crossing.peer.was_ended());

  Call idle;
  idle.connection.drain();
  idle.pass(milliseconds{999});
  EXPECT_FALSE(idle.closed);
  idle.pass(milliseconds{2});
  EXPECT_EQ(idle.closed, net::Closed::drain);

  Call busy;
  busy.send(get);
  busy.connection.drain();
  busy.pass(seconds{5});
  busy.answer("hello");
  EXPECT_EQ(busy.received(), last_ok("hello"));
  busy.peer.end();
  busy.settle();
  EXPECT_EQ(busy.closed, net::Closed::drain);
}

TEST(H1Connection, an_answer_that_was_cut_off_resets) {
  Call call;
  call.send(get);
  auto head = Call::head_of(http::BodyLength::chunked());
  call.stream->respond(head).write(std::string_view{"half"});
  call.stream->done(Ending::aborted);
  EXPECT_EQ(call.closed, net::Closed::error);
  EXPECT_EQ(call.received().find("\r\n0\r\n"), std::string::npos);
}

TEST(H1Connection, a_body_fails_for_the_reason_that_it_had) {
  using resilience::Failure;
  Call stalled;
  stalled.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
  http::Source& body = stalled.stream->body();
  Watcher reader;
  body.wake_on_readable(&reader);
  EXPECT_EQ(body.pull().state, http::Pull::State::pending);
  stalled.pass(stalled.limits.body_timeout + milliseconds{1});
  EXPECT_EQ(reader.woken, 1);
  EXPECT_EQ(body.pull().state, http::Pull::State::failed);
  EXPECT_EQ(stalled.stream->body_failure(), Failure::request_timeout);

  Call malformed;
  malformed.send("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n");
  EXPECT_EQ(malformed.stream->body().pull().state, http::Pull::State::failed);
  EXPECT_EQ(malformed.stream->body_failure(), Failure::malformed_request);
  EXPECT_EQ(malformed.malformed, codec::H1Error::bad_chunk_size);

  Call gone;
  gone.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
  gone.peer.end();
  gone.settle();
  EXPECT_EQ(gone.stream->body().pull().bytes.size(), 2U);
  gone.stream->body().consume(2);
  EXPECT_EQ(gone.stream->body().pull().state, http::Pull::State::failed);
  EXPECT_EQ(gone.stream->body_failure(), Failure::caller_gone);
  EXPECT_FALSE(gone.malformed);
}

TEST(H1Connection, a_tunnel_carries_raw_bytes_and_each_side_has_an_end_of_its_own) {
  Call call;
  call.send("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  auto head = Call::head_of({}, 101);
  head.fields.add(http::Name::upgrade, "websocket");
  http::Sink& sink = call.stream->respond(head);
  call.stream->begin_tunnel();
  EXPECT_EQ(call.received(),
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
            "Connection: upgrade\r\n\r\n");
  http::Source& source = call.stream->body();
  ASSERT_EQ(source.pull().bytes.size(), 5U);
  source.consume(5);
  call.peer.end();
  call.settle();
  EXPECT_EQ(source.pull().state, http::Pull::State::end);
  EXPECT_EQ(call.stream->caller(), Caller::present);
  sink.write(std::string_view{"still told"});
  sink.finish(nullptr);
  EXPECT_EQ(call.received(), "still told");
  EXPECT_TRUE(call.peer.was_ended());
  call.stream->done(Ending::complete);
  EXPECT_EQ(call.closed, net::Closed::peer);
}

}  // namespace
}  // namespace weir::downstream
