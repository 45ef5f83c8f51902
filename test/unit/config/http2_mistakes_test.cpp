// Mistakes in what concerns HTTP/2, gRPC and health checks; the table of all others is in
// mistakes_test.cpp.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weir/config/load.h"

namespace weir::config {
namespace {

Problems problems_of(const std::string& text) {
  auto loaded = load_text(text, "test.yaml");
  return loaded ? Problems{} : loaded.error();
}

std::string text_of(const Problem& problem) {
  return fmt::format("{}:{}: {}", problem.line, problem.column, problem.message);
}

TEST(Upstream, says_what_is_wrong_with_its_protocol_and_its_health_check) {
  const struct {
    std::string_view written;
    std::string_view reported;    // "line:column: message"
    std::string_view suggestion;  // empty: none
  } cases[] = {
      {"protocol: h2", "4:68: upstreams.a.protocol: \"h2\" is not one of auto, http/1.1, http/2",
       "http/2"},
      {"protocol: HTTP/1.1",
       "4:68: upstreams.a.protocol: \"HTTP/1.1\" is not one of auto, http/1.1, http/2", "http/1.1"},
      {"pool: { streams: 0 }", "4:75: upstreams.a.pool.streams: \"0\" is less than 1", ""},
      {"protocol: http/1.1, pool: { streams: 5 }",
       "4:95: upstreams.a.pool.streams counts HTTP/2 streams, and protocol is http/1.1", ""},
      {"protocol: http/1.1, failover: { idempotent_grpc: [/a.B/C] }",
       "4:90: upstreams.a.failover.idempotent_grpc is of no use: gRPC needs HTTP/2, and protocol "
       "is "
       "http/1.1",
       ""},
      {"failover: { idempotent_grpc: [a.B/C] }",
       "4:88: upstreams.a.failover.idempotent_grpc[0]: \"a.B/C\" is not a gRPC method such as "
       "/package.Service/Method",
       "/a.B/C"},
      {"failover: { idempotent_grpc: [/a.B/*] }",
       "4:88: upstreams.a.failover.idempotent_grpc[0]: \"/a.B/*\" is not a gRPC method such as "
       "/package.Service/Method",
       ""},
      {"health: { interval: 2s }", "4:66: upstreams.a.health: write one of path and grpc", ""},
      {"health: { path: /, grpc: '' }", "4:77: upstreams.a.health: write only one of path and grpc",
       ""},
      {"health: { path: healthz }",
       "4:74: upstreams.a.health.path: \"healthz\": a path starts with a slash", "/healthz"},
      {"health: { grpc: /a.B/Check }",
       "4:74: upstreams.a.health.grpc: \"/a.B/Check\" is not a gRPC service such as "
       "package.Service, "
       "or \"\" for the whole server",
       "a.B"},
      {"health: { path: /, timeout: 5s }",
       "4:86: upstreams.a.health.timeout (5s) is not shorter than its interval (5s)", ""},
      {"health: { path: /, interval: 1s }",
       "4:58: upstreams.a.health.timeout (1s) is not shorter than its interval (1s)", ""},
      {"health: { path: /, interval: 0ms }",
       "4:87: upstreams.a.health.interval: \"0ms\" is less than 100ms", ""},
      {"health: { grpc: '' }, protocol: http/1.1",
       "4:74: upstreams.a.health.grpc needs HTTP/2, and protocol is http/1.1: write protocol: "
       "http/2, or ask for a path",
       ""},
  };
  for (const auto& [written, reported, suggestion] : cases) {
    const auto problems = problems_of(
        fmt::format("service: {{ name: a }}\n"
                    "outbound: {{ listen: 127.0.0.1:1 }}\n"
                    "\n"
                    "upstreams: {{ a: {{ endpoints: [{{ address: 10.0.0.4:80 }}], {} }} }}\n",
                    written));
    ASSERT_EQ(problems.size(), 1U) << written;
    EXPECT_EQ(text_of(problems[0]), reported);
    EXPECT_EQ(problems[0].suggestion, suggestion) << written;
  }
}

TEST(Inbound, takes_its_limits_for_http2_and_no_health_check) {
  const struct {
    std::string_view inbound;
    std::string_view reported;
  } cases[] = {
      {"protocol: http/3",
       "1:66: inbound.protocol: \"http/3\" is not one of auto, http/1.1, http/2"},
      {"limits: { streams: 0 }", "1:75: inbound.limits.streams: \"0\" is less than 1"},
      {"limits: { stream_window: 8KiB }",
       "1:81: inbound.limits.stream_window: \"8KiB\" is less than 16KiB"},
      {"limits: { stream_window: 1GiB }",
       "1:81: inbound.limits.stream_window: \"1GiB\" is more than 16MiB"},
      {"health: { path: / }",
       "1:56: inbound.health: the application is not checked by weir: that is for the kubelet, or "
       "whatever starts it, to do"},
      {"upstream: { health: { path: / } }",
       "1:68: inbound.upstream.health: the application is not checked by weir: that is for the "
       "kubelet, or whatever starts it, to do"},
      {"protocol: http/1.1, upstream: { pool: { streams: 5 } }",
       "1:105: inbound.upstream.pool.streams counts HTTP/2 streams, and inbound.protocol is "
       "http/1.1"},
  };
  for (const auto& [inbound, reported] : cases) {
    const auto problems = problems_of(fmt::format(
        "inbound: {{ listen: '[::]:1', application: 127.0.0.1:2, {} }}\nservice: {{ name: a }}\n",
        inbound));
    ASSERT_EQ(problems.size(), 1U) << inbound;
    EXPECT_EQ(text_of(problems[0]), reported);
  }
}

}  // namespace
}  // namespace weir::config
