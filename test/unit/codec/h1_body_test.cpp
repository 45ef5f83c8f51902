#include "weir/codec/h1_body.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weir::codec {
namespace {

using namespace std::string_literals;
using http::BodyLength;
using State = BodyDecoder::Step::State;

struct Outcome {
  std::string verdict;  // "end", "need more" or why it was refused
  std::string data;
  std::size_t used = 0;  // framing and data
};

// Lets the bytes arrive up to each of `ends` in turn, taking at most `most` bytes of data at once.
Outcome decode(BodyDecoder& decoder, std::string_view text, std::vector<std::size_t> ends,
               std::size_t most) {
  Outcome outcome{.verdict = "need more", .data = {}};
  ends.push_back(text.size());
  for (const std::size_t end : ends) {
    while (true) {
      const auto step = decoder.decode(text.substr(outcome.used, end - outcome.used));
      outcome.used += step.skip;
      if (step.state == State::end) outcome.verdict = "end";
      if (step.state == State::error) outcome.verdict = describe(step.error);
      if (step.state != State::data) break;
      const auto taken = step.data.first(std::min(most, step.data.size()));
      outcome.data.append(taken.data(), taken.size());
      outcome.used += taken.size();
      decoder.take(taken.size());
    }
    if (outcome.verdict != "need more") break;
  }
  return outcome;
}

Outcome decode(BodyLength length, std::string_view text) {
  BodyDecoder decoder{length};
  return decode(decoder, text, {}, text.size());
}

std::vector<std::size_t> byte_by_byte(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t end = 0; end < text.size(); ++end) ends.push_back(end);
  return ends;
}

struct Row {
  std::string text;
  std::string verdict;
  std::string data;
};

const std::vector<Row>& chunked_bodies() {
  static const auto why = [](H1Error error) { return std::string{describe(error)}; };
  using enum H1Error;
  static const std::vector<Row> table{
      {"0\r\n\r\n", "end", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "end", "hello"},
      {"5\r\nhello\r\n00A\r\n, you all!\r\n0000\r\n\r\n", "end", "hello, you all!"},
      {"0000000000000001\r\nx\r\n0\r\n\r\n", "end", "x"},
      {"1;a\r\nx\r\n1;b=c;d=\"e;\\\"\r\nf\"", why(bad_chunk_extension), "x"},
      {"1;a;b=c;d=\"e; \\\"f\"\r\nx\r\n0;g\r\n\r\n", "end", "x"},
      {"1\r\nx\r\n0\r\nX-Sum: 1\r\nExpires: never\r\n\r\n", "end", "x"},
      {"5\r\nhel", "need more", "hel"},
      {"5\r\nhello\r\n0\r\n", "need more", "hello"},
      {"\r\n", why(bad_chunk_size), ""},
      {" 5\r\n", why(bad_chunk_size), ""},
      {"5 \r\n", why(bad_chunk_size), ""},
      {"+5\r\n", why(bad_chunk_size), ""},
      {"-5\r\n", why(bad_chunk_size), ""},
      {"0x5\r\n", why(bad_chunk_size), ""},
      {"5g\r\n", why(bad_chunk_size), ""},
      {";a\r\n", why(bad_chunk_size), ""},
      {"5\nhello", why(bare_lf), ""},
      {"5\rhello", why(bare_cr), ""},
      {"8000000000000000\r\n", why(bad_chunk_size), ""},
      {"00000000000000005\r\n", why(bad_chunk_size), ""},
      {"1\r\nxy\r\n", why(bad_chunk_end), "x"},
      {"1\r\nx\n0\r\n\r\n", why(bad_chunk_end), "x"},
      {"1\r\nx\ry", why(bare_cr), "x"},
      {"1;\r\n", why(bad_chunk_extension), ""},
      {"1;a=\r\n", why(bad_chunk_extension), ""},
      {"1;a\n", why(bad_chunk_extension), ""},
      {"1;a b\r\n", why(bad_chunk_extension), ""},
      {"1; a\r\n", why(bad_chunk_extension), ""},
      {"1;a=\"b\n\"\r\n", why(bad_chunk_extension), ""},
      {"1;a=\"b\"c\r\n", why(bad_chunk_extension), ""},
      {"1;a=\"\\\x01\"\r\n", why(bad_chunk_extension), ""},
      {"1;a=" + std::string(5000, 'x'), why(too_much_chunk_extension), ""},
      {"0\r\nA : b\r\n\r\n", why(space_before_colon), ""},
      {"0\r\nA: b\r\n c\r\n\r\n", why(folded_line), ""},
      {"0\r\nA: b\n\r\n", why(bare_lf), ""},
      {"0\r\nContent-Length: 5\r\n\r\n", why(forbidden_trailer), ""},
      {"0\r\ntransfer-encoding: chunked\r\n\r\n", why(forbidden_trailer), ""},
      {"0\r\nHost: b\r\n\r\n", why(forbidden_trailer), ""},
  };
  return table;
}

TEST(BodyDecoder, reads_chunks_strictly) {
  for (const Row& row : chunked_bodies()) {
    const Outcome outcome = decode(BodyLength::chunked(), row.text);
    EXPECT_EQ(outcome.verdict, row.verdict) << row.text;
    EXPECT_EQ(outcome.data, row.data) << row.text;
    if (row.verdict == "end") {
      EXPECT_EQ(outcome.used, row.text.size());
    }
  }
}

TEST(BodyDecoder, does_not_care_how_the_bytes_were_split_or_taken) {
  std::mt19937 random{1};
  for (const Row& row : chunked_bodies()) {
    for (std::size_t round = 0; round < 20; ++round) {
      std::vector<std::size_t> ends = byte_by_byte(row.text);
      if (round > 0) std::erase_if(ends, [&](std::size_t) { return random() % 3 != 0; });
      BodyDecoder decoder{BodyLength::chunked()};
      const Outcome outcome = decode(decoder, row.text, ends, 1 + round % 3);
      EXPECT_EQ(outcome.verdict, row.verdict) << row.text;
      EXPECT_EQ(outcome.data, row.data) << row.text;
    }
  }
}

TEST(BodyDecoder, gives_trailers_but_not_those_that_belong_into_a_head) {
  BodyDecoder decoder{BodyLength::chunked()};
  const std::string text =
      "0\r\ngrpc-status: 0\r\nX-Sum: 1\r\nAuthorization: x\r\nSet-Cookie: a\r\n"
      "weir-budget-ms: 9\r\n\r\n";
  EXPECT_EQ(decode(decoder, text, byte_by_byte(text), 1).verdict, "end");
  ASSERT_EQ(decoder.trailers().size(), 2U);
  EXPECT_EQ(decoder.trailers().find(http::Name::grpc_status), "0");
  EXPECT_EQ(decoder.trailers().find("x-sum"), "1");
}

TEST(BodyDecoder, bounds_the_trailers) {
  const H1Limits limits{.head_bytes = 40, .field_count = 2};
  const auto verdict = [&](const std::string& trailers) {
    const std::string text = "0\r\n" + trailers + "\r\n";
    BodyDecoder whole{BodyLength::chunked(), limits};
    BodyDecoder split{BodyLength::chunked(), limits};
    const std::string once = decode(whole, text, {}, 1).verdict;
    EXPECT_EQ(decode(split, text, byte_by_byte(text), 1).verdict, once);
    return once;
  };
  EXPECT_EQ(verdict("a: 1\r\nb: 2\r\n"), "end");
  EXPECT_EQ(verdict("a: 1\r\nb: 2\r\nc: 3\r\n"), describe(H1Error::too_many_fields));
  EXPECT_EQ(verdict("a: " + std::string(33, 'v') + "\r\n"), "end");
  EXPECT_EQ(verdict("a: " + std::string(34, 'v') + "\r\n"), describe(H1Error::trailers_too_large));
}

TEST(BodyDecoder, lets_extensions_be_as_large_as_the_data_and_little_more) {
  std::string text;
  const std::string extension = ";signature=" + std::string(80, 'f');
  for (int chunk = 0; chunk < 1000; ++chunk) {
    text += "64" + extension + "\r\n" + std::string(100, 'x') + "\r\n";
  }
  EXPECT_EQ(decode(BodyLength::chunked(), text + "0\r\n\r\n").verdict, "end");
  text.clear();
  for (int chunk = 0; chunk < 1000; ++chunk) text += "1" + extension + "\r\nx\r\n";
  EXPECT_EQ(decode(BodyLength::chunked(), text).verdict,
            describe(H1Error::too_much_chunk_extension));
}

TEST(BodyDecoder, leaves_what_follows_the_body) {
  EXPECT_EQ(decode(BodyLength::none(), "GET").used, 0U);
  EXPECT_EQ(decode(BodyLength::known(5), "helloGET").data, "hello");
  EXPECT_EQ(decode(BodyLength::known(5), "helloGET").used, 5U);
  EXPECT_EQ(decode(BodyLength::chunked(), "1\r\nx\r\n0\r\n\r\nGET").used, 11U);
}

TEST(BodyDecoder, tells_a_clean_end_from_a_cut) {
  const auto closed = [](BodyLength length, std::string_view text) {
    BodyDecoder decoder{length};
    decoder.close();
    return decode(decoder, text, {}, text.size() + 1).verdict;
  };
  const auto cut = describe(H1Error::cut_off);
  EXPECT_EQ(closed(BodyLength::none(), ""), "end");
  EXPECT_EQ(closed(BodyLength::until_close(), "hello"), "end");
  EXPECT_EQ(closed(BodyLength::known(5), "hello"), "end");
  EXPECT_EQ(closed(BodyLength::known(5), "hell"), cut);
  EXPECT_EQ(closed(BodyLength::chunked(), "5\r\nhello\r\n0\r\n\r\n"), "end");
  EXPECT_EQ(closed(BodyLength::chunked(), "5\r\nhello\r\n0\r\n"), cut);
  EXPECT_EQ(closed(BodyLength::chunked(), "5\r\nhello\r\n"), cut);
  EXPECT_EQ(closed(BodyLength::chunked(), ""), cut);
}

TEST(BodyDecoder, gives_the_same_data_again_until_it_is_taken) {
  BodyDecoder decoder{BodyLength::chunked()};
  const std::string text = "5\r\nhello\r\n";
  ASSERT_EQ(decoder.decode(text).skip, 3U);
  const auto rest = std::string_view{text}.substr(3);
  EXPECT_EQ(decoder.decode(rest).data.size(), 5U);
  EXPECT_EQ(decoder.decode(rest).data.size(), 5U);
}

TEST(BodyDecoder, stays_failed_and_starts_anew_after_reset) {
  BodyDecoder decoder{BodyLength::chunked()};
  EXPECT_EQ(decoder.decode("x"s).state, State::error);
  EXPECT_EQ(decoder.decode("0\r\n\r\n"s).state, State::error);
  decoder.reset(BodyLength::chunked());
  EXPECT_EQ(decoder.decode("0\r\n\r\n"s).state, State::end);
}

}  // namespace
}  // namespace weir::codec
