#include "weir/http/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

constexpr TraceId trace{0x0af7651916cd43ddULL, 0x8448eb211c80319cULL};
constexpr SpanId span{0xb7ad6b7169203331ULL};
constexpr TraceContext sampled{trace, span, Sampling::sampled};
constexpr TraceContext dropped{trace, span, Sampling::dropped};
constexpr TraceContext undecided{trace, span, Sampling::undecided};

const std::string trace_text = "0af7651916cd43dd8448eb211c80319c";
const std::string span_text = "b7ad6b7169203331";
const std::string parent_text = "00-" + trace_text + "-" + span_text + "-01";

TEST(TraceParent, is_read_strictly_and_later_versions_as_far_as_they_are_known) {
  const std::string ids = trace_text + "-" + span_text;
  const struct {
    std::string text;
    std::optional<TraceContext> read;
  } cases[] = {
      {"00-" + ids + "-01", sampled},
      {"00-" + ids + "-00", dropped},
      {"00-" + ids + "-03", sampled},  // flags that are not known yet
      {"00-" + ids + "-02", dropped},
      {"cc-" + ids + "-01", sampled},
      {"cc-" + ids + "-01-what-the-future-will-be-like", sampled},
      {"cc-" + ids + "-01.what", std::nullopt},
      {"00-" + ids + "-01-what", std::nullopt},
      {"00-" + ids + "-01 ", std::nullopt},
      {"ff-" + ids + "-01", std::nullopt},
      {"0-" + ids + "-01", std::nullopt},
      {"0G-" + ids + "-01", std::nullopt},
      {"00-" + ids + "-1", std::nullopt},
      {"00-" + ids + "-0x", std::nullopt},
      {"00-" + ids, std::nullopt},
      {"00_" + ids + "-01", std::nullopt},
      {"00-" + trace_text + "_" + span_text + "-01", std::nullopt},
      {"00-0AF7651916CD43DD8448EB211C80319C-" + span_text + "-01", std::nullopt},
      {"00-" + trace_text + "-B7AD6B7169203331-01", std::nullopt},
      {"00-" + std::string(32, '0') + "-" + span_text + "-01", std::nullopt},
      {"00-" + trace_text + "-" + std::string(16, '0') + "-01", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, read] : cases) EXPECT_EQ(parse_traceparent(text), read) << text;
}

TEST(TraceParent, is_refused_cut_off_anywhere) {
  for (std::size_t size = 0; size < parent_text.size(); ++size) {
    EXPECT_FALSE(parse_traceparent(parent_text.substr(0, size))) << size;
  }
}

TEST(TraceParent, that_was_written_is_read_again) {
  for (const TraceContext& context : {sampled, dropped, {{0, 1}, {2}, Sampling::sampled}}) {
    const TraceParentText text = write_traceparent(context);
    EXPECT_EQ(parse_traceparent({text.data(), text.size()}), context);
  }
  const TraceParentText text = write_traceparent(sampled);
  EXPECT_EQ(std::string(text.data(), text.size()), parent_text);
}

TEST(TraceParent, of_an_undecided_trace_does_not_throw_it_away) {
  EXPECT_EQ(write_traceparent(undecided), write_traceparent(sampled));
}

TEST(TraceContext, is_read_from_the_formats_of_other_tracers) {
  const struct {
    std::string name;
    std::string value;
    std::optional<TraceContext> read;
  } cases[] = {
      {"b3", trace_text + "-" + span_text + "-1", sampled},
      {"b3", trace_text + "-" + span_text + "-0-05e3ac9a4f6e3b90", dropped},
      {"b3", trace_text + "-" + span_text + "-d", sampled},
      {"b3", trace_text + "-" + span_text, undecided},
      {"B3", "8448eb211c80319c-" + span_text, TraceContext{{0, trace.low}, span, {}}},
      {"b3", "0", std::nullopt},
      {"b3", trace_text, std::nullopt},
      {"b3", "8448eb21-" + span_text, std::nullopt},
      {"b3", trace_text + "-0000000000000000-1", std::nullopt},
      {"x-amzn-trace-id",
       "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" + span_text + ";Sampled=1", sampled},
      {"X-Amzn-Trace-Id", "Self=1-1-1; Root=1-0af76519-16cd43dd8448eb211c80319c",
       TraceContext{trace, {}, {}}},
      {"x-amzn-trace-id", "Root=1-0af76519-16cd43dd8448eb211c80319", std::nullopt},
      {"x-amzn-trace-id", "Parent=" + span_text, std::nullopt},
      {"uber-trace-id", trace_text + ":" + span_text + ":0:1", sampled},
      {"uber-trace-id", trace_text + "%3A" + span_text + "%3a0%3A0", dropped},
      {"Uber-Trace-Id", "1c80319c:3331:0:1",
       TraceContext{{0, 0x1c80319cULL}, {0x3331ULL}, Sampling::sampled}},
      {"uber-trace-id", "0:0:0:0", std::nullopt},
      {"uber-trace-id", trace_text + "1:" + span_text + ":0:1", std::nullopt},
      {"uber-trace-id", trace_text, std::nullopt},
      {"uber-trace-id", "", std::nullopt},
  };
  for (const auto& [name, value, read] : cases) {
    Fields fields;
    fields.add("accept", "*/*");
    fields.add(name, value);
    EXPECT_EQ(read_trace_context(fields), read) << name << ": " << value;
  }
}

TEST(TraceContext, is_read_from_the_three_fields_of_b3) {
  Fields fields;
  fields.add("X-B3-TraceId", trace_text);
  EXPECT_EQ(read_trace_context(fields), std::nullopt);
  fields.add("X-B3-SpanId", span_text);
  EXPECT_EQ(read_trace_context(fields), undecided);
  fields.add("X-B3-Sampled", "0");
  EXPECT_EQ(read_trace_context(fields), dropped);
}

TEST(TraceContext, of_w3c_goes_before_all_others_unless_it_is_malformed) {
  Fields fields;
  fields.add("b3", "0000000000000001-0000000000000002-0");
  fields.add("traceparent", parent_text);
  EXPECT_EQ(read_trace_context(fields), sampled);
  fields.set(Name::traceparent, "00-nonsense");
  EXPECT_EQ(read_trace_context(fields), (TraceContext{{0, 1}, {2}, Sampling::dropped}));
}

TEST(TraceContext, that_is_told_twice_is_none) {
  Fields fields;
  fields.add("traceparent", parent_text);
  fields.add("traceparent", parent_text);
  EXPECT_EQ(read_trace_context(fields), std::nullopt);
}

TEST(TraceContext, is_removed_in_all_its_forms) {
  Fields fields;
  for (const char* name :
       {"traceparent", "tracestate", "b3", "X-B3-TraceId", "x-b3-spanid", "x-b3-sampled",
        "x-b3-parentspanid", "x-b3-flags", "X-Amzn-Trace-Id", "uber-trace-id"}) {
    fields.add(name, "1");
  }
  fields.add("x-other", "kept");
  remove_trace_context(fields);
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields[0].name, "x-other");
}

}  // namespace
}  // namespace weir::http
