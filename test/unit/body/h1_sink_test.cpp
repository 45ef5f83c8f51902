#include "weir/body/h1_sink.h"

#include <gtest/gtest.h>

#include <string>

#include "support/fake_transport.h"

namespace weir::body {
namespace {

struct Writer final : Wakeable {
  void wake() override { ++woken; }
  int woken = 0;
};

struct Sent final : net::ChannelEvents {
  explicit Sent(http::BodyLength length) {
    sink.begin(length);
    sink.wake_on_writable(&writer);
  }
  void on_input() override {}
  void on_drained() override { sink.on_drained(); }
  void write(std::string_view bytes) { sink.write(bytes); }
  std::string received() {
    ready.end_turn();
    return peer.received();
  }

  ReadyQueue ready;
  net::FakePeer peer;
  net::Channel channel{peer.connect(), ready, *this};
  H1Sink sink{channel, ready};
  Writer writer;
};

TEST(H1Sink, frames_a_body_as_its_head_announced) {
  struct Case {
    http::BodyLength length;
    std::string_view wire;
    bool ends;
  };
  const Case cases[] = {
      {http::BodyLength::known(11), "hello world", false},
      {http::BodyLength::chunked(), "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", false},
      {http::BodyLength::until_close(), "hello world", true},
  };
  for (const Case& one : cases) {
    Sent sent{one.length};
    sent.write("hello");
    sent.write("");  // no last chunk
    sent.write(" world");
    sent.sink.finish(nullptr);
    EXPECT_TRUE(sent.sink.finished());
    EXPECT_FALSE(sent.sink.failed());
    EXPECT_EQ(sent.received(), one.wire);
    EXPECT_EQ(sent.peer.was_ended(), one.ends);
  }
}

TEST(H1Sink, a_large_chunk_is_framed_like_a_small_one) {
  const std::string large(70'000, 'x');
  Sent sent{http::BodyLength::chunked()};
  sent.write(large);
  sent.sink.finish(nullptr);
  EXPECT_EQ(sent.received(), "11170\r\n" + large + "\r\n0\r\n\r\n");
}

TEST(H1Sink, trailers_follow_chunks_and_nothing_else) {
  http::Fields trailers;
  trailers.add("grpc-status", "0");
  trailers.add("Content-Length", "5");  // forbidden there: RFC 9110, 6.5.1
  Sent chunked{http::BodyLength::chunked()};
  chunked.sink.finish(&trailers);
  EXPECT_EQ(chunked.received(), "0\r\ngrpc-status: 0\r\n\r\n");

  Sent known{http::BodyLength::known(1)};
  known.write("x");
  known.sink.finish(&trailers);
  EXPECT_EQ(known.received(), "x");
}

TEST(H1Sink, one_byte_too_many_is_not_sent_and_fails) {
  for (const auto& length : {http::BodyLength::known(4), http::BodyLength::none()}) {
    Sent sent{length};
    sent.write("hello");
    sent.sink.flush();
    EXPECT_EQ(sent.received(), "");
    EXPECT_TRUE(sent.sink.failed());
    sent.sink.finish(nullptr);
    EXPECT_FALSE(sent.sink.finished());
  }
}

TEST(H1Sink, one_byte_too_few_is_not_complete) {
  Sent sent{http::BodyLength::known(6)};
  sent.write("hello");
  sent.sink.finish(nullptr);
  EXPECT_TRUE(sent.sink.failed());
  EXPECT_FALSE(sent.sink.finished());
}

TEST(H1Sink, a_head_without_a_body_is_finished_all_the_same) {
  Sent sent{http::BodyLength::none()};
  sent.channel.write(std::string_view{"head"});
  sent.sink.finish(nullptr);
  EXPECT_TRUE(sent.sink.finished());
  EXPECT_EQ(sent.received(), "head");
}

TEST(H1Sink, sends_on_flush_what_was_gathered) {
  Sent sent{http::BodyLength::known(10)};
  sent.write("hello");
  EXPECT_EQ(sent.received(), "");
  sent.sink.flush();
  EXPECT_EQ(sent.received(), "hello");
}

TEST(H1Sink, wakes_its_writer_when_it_is_no_longer_blocked) {
  Sent sent{http::BodyLength::chunked()};
  sent.peer.take(3);
  sent.write("hello");
  sent.sink.flush();
  EXPECT_EQ(sent.received(), "5\r\n");
  EXPECT_TRUE(sent.sink.blocked());
  sent.peer.take_everything();
  EXPECT_FALSE(sent.sink.blocked());
  EXPECT_EQ(sent.writer.woken, 0);  // never from within
  EXPECT_EQ(sent.received(), "hello\r\n");
  EXPECT_EQ(sent.writer.woken, 1);
  sent.sink.wake_on_writable(nullptr);
  sent.sink.on_drained();
  sent.ready.end_turn();
  EXPECT_EQ(sent.writer.woken, 1);
}

TEST(H1Sink, fails_and_wakes_its_writer_when_the_connection_breaks) {
  Sent sent{http::BodyLength::chunked()};
  sent.peer.reset();
  sent.write("hello");
  sent.sink.flush();
  EXPECT_FALSE(sent.sink.failed());
  sent.ready.end_turn();
  EXPECT_TRUE(sent.sink.failed());
  EXPECT_EQ(sent.writer.woken, 1);
  sent.write("harmless");
  sent.sink.finish(nullptr);
}

TEST(H1Sink, begins_anew_behind_the_message_before) {
  Sent sent{http::BodyLength::known(1)};
  sent.write("a");
  sent.sink.finish(nullptr);
  sent.sink.rest();
  EXPECT_EQ(sent.sink.state(), H1Sink::State::resting);
  sent.write("lost");
  sent.sink.begin(http::BodyLength::known(1));
  sent.write("b");
  sent.sink.finish(nullptr);
  EXPECT_EQ(sent.received(), "ab");
}

}  // namespace
}  // namespace weir::body
