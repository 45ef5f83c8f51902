#include "weir/proxy/trailers.h"

#include <gtest/gtest.h>

#include <string_view>

namespace weir::proxy {
namespace {

using http::Name;
using State = http::Pull::State;

// Gives its text once, then ends.
class Body final : public http::Source {
 public:
  explicit Body(std::string_view text, const http::Fields* trailers)
      : text_(text), trailers_(trailers) {}
  http::Pull pull() override {
    return {text_.empty() ? State::end : State::data, {text_.data(), text_.size()}};
  }
  void consume(std::size_t count) override { text_.remove_prefix(count); }
  void wake_on_readable(Wakeable* reader) override { waker = reader; }
  const http::Fields* trailers() const override { return text_.empty() ? trailers_ : nullptr; }
  Wakeable* waker = nullptr;

 private:
  std::string_view text_;
  const http::Fields* trailers_;
};

struct Pushback final : MarkedTrailers::Marker {
  void mark_trailers(http::Fields& trailers) override { mark_no_retry(trailers); }
};

struct Reader final : Wakeable {
  void wake() override {}
};

TEST(MarkedTrailers, stop_the_retries_of_a_client_whose_call_failed) {
  struct Row {
    std::optional<std::string_view> status;
    std::optional<std::string_view> pushback;
  };
  const Row rows[] = {{"14", "-1"}, {"4", "-1"}, {"0", std::nullopt}, {std::nullopt, std::nullopt}};
  for (const Row& row : rows) {
    http::Fields trailers;
    if (row.status) trailers.add(Name::grpc_status, *row.status);
    trailers.add("x-told", "1");
    Body body{"abc", &trailers};
    Pushback pushback;
    MarkedTrailers marked{body, pushback};
    EXPECT_EQ(marked.pull().bytes.size(), 3U);
    marked.consume(3);
    EXPECT_EQ(marked.pull().state, State::end);
    EXPECT_EQ(marked.pull().state, State::end);
    ASSERT_NE(marked.trailers(), nullptr);
    EXPECT_EQ(marked.trailers()->find(Name::grpc_retry_pushback_ms), row.pushback);
    EXPECT_EQ(marked.trailers()->find("x-told"), "1");
    EXPECT_EQ(marked.trailers()->find(Name::grpc_status), row.status);
  }
}

TEST(MarkedTrailers, add_nothing_to_a_body_without_trailers) {
  Body body{"", nullptr};
  Pushback pushback;
  MarkedTrailers marked{body, pushback};
  EXPECT_EQ(marked.pull().state, State::end);
  EXPECT_EQ(marked.trailers(), nullptr);
}

TEST(MarkedTrailers, wake_who_reads_them) {
  Body body{"", nullptr};
  Pushback pushback;
  MarkedTrailers marked{body, pushback};
  Reader reader;
  marked.wake_on_readable(&reader);
  EXPECT_EQ(body.waker, &reader);
}

TEST(MarkNoRetry, replaces_what_an_endpoint_asked_for) {
  http::Fields fields;
  fields.add(Name::grpc_status, "14");
  fields.add(Name::grpc_retry_pushback_ms, "500");
  mark_no_retry(fields);
  EXPECT_EQ(fields.find(Name::grpc_retry_pushback_ms), "-1");
  EXPECT_EQ(fields.count(Name::grpc_retry_pushback_ms), 1U);
}

}  // namespace
}  // namespace weir::proxy
