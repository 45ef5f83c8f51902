#include "weir/body/h1_source.h"

#include <gtest/gtest.h>

#include <string>

#include "support/fake_transport.h"

namespace weir::body {
namespace {

using State = http::Pull::State;

struct Reader final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

struct Received final : net::ChannelEvents {
  explicit Received(http::BodyLength length, codec::H1Limits limits = {})
      : source{channel, ready, limits} {
    source.begin(length);
    source.wake_on_readable(&reader);
  }
  void on_input() override { source.on_input(); }
  void on_drained() override {}

  void deliver(std::size_t most = 100'000) {
    while (peer.deliver(most)) ready.end_turn();
  }
  void receive(std::string_view bytes) {
    peer.send(bytes);
    deliver();
  }
  // Takes everything that there is, and leaves the last state in `state`.
  std::string pull() {
    std::string text;
    http::Pull pulled = source.pull();
    for (; pulled.state == State::data; pulled = source.pull()) {
      EXPECT_FALSE(pulled.bytes.empty());
      text.append(pulled.bytes.begin(), pulled.bytes.end());
      source.consume(pulled.bytes.size());
    }
    state = pulled.state;
    ready.end_turn();
    return text;
  }

  ReadyQueue ready;
  net::FakePeer peer;
  net::Channel channel{peer.connect(), ready, *this};
  H1Source source;
  Reader reader;
  State state = State::pending;
};

TEST(H1Source, gives_a_known_length_and_leaves_the_next_message) {
  Received body{http::BodyLength::known(5)};
  body.receive("helloGET /");
  EXPECT_FALSE(body.source.ended());
  EXPECT_EQ(body.pull(), "hello");
  EXPECT_EQ(body.state, State::end);
  EXPECT_TRUE(body.source.ended());
  EXPECT_EQ(body.source.trailers(), nullptr);
  EXPECT_EQ(body.channel.input().size(), 5U);
}

TEST(H1Source, gives_the_same_bytes_until_they_are_consumed) {
  Received body{http::BodyLength::known(5)};
  body.receive("hello");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(body.source.pull().bytes.size(), 5U);
  body.source.consume(2);
  EXPECT_EQ(body.pull(), "llo");
}

TEST(H1Source, nothing_is_the_whole_of_an_empty_body) {
  Received body{http::BodyLength::none()};
  EXPECT_EQ(body.source.pull().state, State::end);
}

TEST(H1Source, reads_chunks_however_they_are_split_and_gives_the_trailers) {
  constexpr std::string_view wire =
      "5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nx-told: yes\r\n\r\nNEXT";
  for (const std::size_t most : {1UL, 2UL, 7UL, 1000UL}) {
    Received body{http::BodyLength::chunked()};
    body.peer.send(wire);
    std::string text;
    while (body.peer.deliver(most)) {
      body.ready.end_turn();
      text += body.pull();
    }
    EXPECT_EQ(text, "hello world") << most;
    EXPECT_EQ(body.state, State::end) << most;
    ASSERT_NE(body.source.trailers(), nullptr) << most;
    EXPECT_EQ(body.source.trailers()->find("x-told"), "yes");
    EXPECT_EQ(body.channel.input().size(), 4U);
  }
}

TEST(H1Source, is_pending_until_its_reader_is_woken) {
  Received body{http::BodyLength::known(5)};
  EXPECT_EQ(body.source.pull().state, State::pending);
  body.receive("he");
  EXPECT_EQ(body.reader.woken, 1);
  EXPECT_EQ(body.pull(), "he");
  EXPECT_EQ(body.state, State::pending);
  body.source.wake_on_readable(nullptr);
  body.receive("llo");
  EXPECT_EQ(body.reader.woken, 1);
  EXPECT_EQ(body.pull(), "llo");
}

TEST(H1Source, only_the_end_of_the_connection_completes_a_body_until_close) {
  Received body{http::BodyLength::until_close()};
  body.receive("hello");
  EXPECT_EQ(body.pull(), "hello");
  EXPECT_EQ(body.state, State::pending);
  body.peer.end();
  body.deliver();
  EXPECT_EQ(body.reader.woken, 2);
  EXPECT_EQ(body.source.pull().state, State::end);
}

TEST(H1Source, a_body_that_was_cut_off_is_never_complete) {
  enum class Cut : std::uint8_t { end, reset };
  struct Case {
    http::BodyLength length;
    std::string_view wire;
    Cut cut;
  };
  const Case cases[] = {
      {http::BodyLength::known(6), "hello", Cut::end},
      {http::BodyLength::known(6), "hello", Cut::reset},
      {http::BodyLength::chunked(), "5\r\nhello", Cut::end},
      {http::BodyLength::chunked(), "5\r\nhello\r\n0\r\n", Cut::end},
      {http::BodyLength::chunked(), "5\r\nhello\r\n", Cut::reset},
      {http::BodyLength::until_close(), "hello", Cut::reset},
  };
  for (const Case& one : cases) {
    Received body{one.length};
    body.receive(one.wire);
    one.cut == Cut::end ? body.peer.end() : body.peer.reset();
    body.deliver();
    EXPECT_EQ(body.pull(), "hello") << one.wire;
    EXPECT_EQ(body.state, State::failed) << one.wire;
    EXPECT_EQ(body.source.error(), codec::H1Error::cut_off) << one.wire;
    EXPECT_FALSE(body.source.ended());
    EXPECT_EQ(body.source.pull().state, State::failed);
  }
}

TEST(H1Source, says_why_it_refused_the_framing) {
  Received body{http::BodyLength::chunked()};
  body.receive("5\r\nhello\r\n5 \r\n");
  EXPECT_EQ(body.pull(), "hello");
  EXPECT_EQ(body.state, State::failed);
  EXPECT_EQ(body.source.error(), codec::H1Error::bad_chunk_size);
}

TEST(H1Source, reads_on_for_a_trailer_line_that_is_larger_than_the_buffer) {
  Received body{http::BodyLength::chunked()};
  const std::string value(net::Channel::smallest_buffer * 3, 'v');
  body.peer.send("0\r\nx-long: " + value + "\r\n\r\n");
  while (body.peer.deliver()) {
    body.ready.end_turn();
    EXPECT_EQ(body.pull(), "");
  }
  ASSERT_EQ(body.state, State::end);
  EXPECT_EQ(body.source.trailers()->find("x-long"), value);
}

TEST(H1Source, a_line_that_fits_no_buffer_is_not_waited_for) {
  codec::H1Limits limits;
  limits.head_bytes = net::Channel::largest_buffer * 4;
  Received body{http::BodyLength::chunked(), limits};
  body.peer.send("0\r\nx-long: " + std::string(net::Channel::largest_buffer * 2, 'v'));
  while (body.peer.deliver()) {
    body.ready.end_turn();
    body.pull();
  }
  EXPECT_EQ(body.state, State::failed);
}

TEST(H1Source, begins_anew_behind_the_message_before) {
  Received body{http::BodyLength::chunked()};
  body.receive("1\r\na\r\n0\r\nx-told: yes\r\n\r\nbc");
  EXPECT_EQ(body.pull(), "a");
  body.source.begin(http::BodyLength::known(2));
  EXPECT_FALSE(body.source.ended());
  EXPECT_EQ(body.pull(), "bc");
  EXPECT_EQ(body.state, State::end);
  EXPECT_EQ(body.source.trailers(), nullptr);
}

}  // namespace
}  // namespace weir::body
