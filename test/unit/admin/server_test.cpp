#include "weir/admin/server.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "sample_view.h"

namespace weir::admin {
namespace {

// Answers from a sample view; counts what was done to it.
struct Fixture {
  Readiness readiness{Phase::ready, ""};
  bool configuration_is_good = true;
  int reloads = 0;
  int drains = 0;
  AdminServer server{Sources{
      .view = sample_view,
      .effective_yaml = [] { return std::string{"service: { name: orders }\n"}; },
      .metrics =
          [](telemetry::Exposition exposition) {
            return std::string(4096, exposition == telemetry::Exposition::openmetrics ? 'o' : 'p');
          },
      .readiness = [this] { return readiness; },
      .reload = [this]() -> std::expected<std::string, std::string> {
        ++reloads;
        if (configuration_is_good) return "generation 5\n";
        return std::unexpected<std::string>("orders.yaml:31:14: ...\n");
      },
      .drain = [this] { ++drains; },
  }};

  AdminResponse get(std::string path, std::string host = "127.0.0.1:9901") {
    AdminRequest request;
    request.method = "GET";
    request.path = std::move(path);
    request.host = std::move(host);
    return server.answer(request);
  }
  AdminResponse post(std::string path, std::string weir_admin, std::string host = "[::1]:9901") {
    AdminRequest request;
    request.method = "POST";
    request.path = std::move(path);
    request.host = std::move(host);
    request.weir_admin = std::move(weir_admin);
    return server.answer(request);
  }
};

std::string field_of(const AdminResponse& response, std::string_view name) {
  for (const auto& [field, value] : response.fields) {
    if (field == name) return value;
  }
  return "";
}

std::string gunzipped(std::string bytes) {
  std::string output(1 << 20, '\0');
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  inflate(&stream, Z_FINISH);
  output.resize(stream.total_out);
  inflateEnd(&stream);
  return output;
}

TEST(AdminServer, answers_every_path_with_its_type) {
  Fixture fixture;
  const std::pair<const char*, std::string_view> cases[] = {
      {"/", "text/html"},         {"/live", "text/html"},
      {"/page.css", "text/css"},  {"/page.js", "text/javascript"},
      {"/config", "text/plain"},  {"/status.json", "application/json"},
      {"/metrics", "text/plain"}, {"/healthz", "text/plain"},
      {"/readyz", "text/plain"},
  };
  for (const auto& [path, type] : cases) {
    const AdminResponse response = fixture.get(path);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_TRUE(response.content_type.starts_with(type)) << path << " " << response.content_type;
    EXPECT_FALSE(response.body.empty()) << path;
    EXPECT_NE(field_of(response, "content-security-policy").find("default-src 'none'"),
              std::string::npos);
    EXPECT_EQ(field_of(response, "cache-control"), "no-store");
  }
}

TEST(AdminServer, says_what_there_is_and_what_is_allowed) {
  Fixture fixture;
  const AdminResponse missing = fixture.get("/statuz");
  EXPECT_EQ(missing.status, 404);
  EXPECT_NE(missing.body.find("GET /status.json\n"), std::string::npos);
  EXPECT_NE(missing.body.find("POST /reload\n"), std::string::npos);
  const AdminResponse get_only = fixture.post("/metrics", "1");
  EXPECT_EQ(get_only.status, 405);
  EXPECT_EQ(field_of(get_only, "allow"), "GET, HEAD");
  const AdminResponse post_only = fixture.get("/drain");
  EXPECT_EQ(post_only.status, 405);
  EXPECT_EQ(field_of(post_only, "allow"), "POST");
  EXPECT_EQ(fixture.drains, 0);
}

TEST(AdminServer, is_ready_only_when_it_is) {
  Fixture fixture;
  EXPECT_EQ(fixture.get("/readyz").body, "ready\n");
  fixture.readiness = {Phase::draining, "SIGTERM"};
  EXPECT_EQ(fixture.get("/readyz").status, 503);
  EXPECT_EQ(fixture.get("/readyz").body, "draining: SIGTERM\n");
  fixture.readiness = {Phase::starting, ""};
  EXPECT_EQ(fixture.get("/readyz").status, 503);
  EXPECT_EQ(fixture.get("/healthz").status, 200);
}

TEST(AdminServer, reloads_and_drains_when_asked_to) {
  Fixture fixture;
  EXPECT_EQ(fixture.post("/reload", "1").status, 200);
  fixture.configuration_is_good = false;
  const AdminResponse refused = fixture.post("/reload", "1");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body, "orders.yaml:31:14: ...\n");
  EXPECT_EQ(fixture.post("/drain", "1").status, 202);
  EXPECT_EQ(fixture.reloads, 2);
  EXPECT_EQ(fixture.drains, 1);
}

TEST(AdminServer, refuses_forged_forms_and_rebound_names) {
  Fixture fixture;
  EXPECT_EQ(fixture.post("/drain", "").status, 403);
  EXPECT_EQ(fixture.post("/reload", "1", "weir.attacker.example:9901").status, 403);
  EXPECT_EQ(fixture.drains + fixture.reloads, 0);
  const std::pair<const char*, std::uint16_t> cases[] = {{"127.0.0.1", 200},
                                                         {"127.0.0.1:9901", 200},
                                                         {"localhost", 200},
                                                         {"localhost:9901", 200},
                                                         {"[2001:db8::1]:9901", 200},
                                                         {"[::1]", 200},
                                                         {"", 200},
                                                         {"attacker.example", 403},
                                                         {"127.0.0.1.attacker.example", 403},
                                                         {"localhost.attacker.example:9901", 403}};
  for (const auto& [host, status] : cases) {
    EXPECT_EQ(fixture.get("/status.json", host).status, status) << host;
    EXPECT_EQ(fixture.get("/metrics", host).status, 200) << host;
    EXPECT_EQ(fixture.get("/readyz", host).status, 200) << host;
  }
}

TEST(AdminServer, negotiates_the_format_and_the_coding_of_metrics) {
  Fixture fixture;
  AdminRequest request;
  request.method = "GET";
  request.path = "/metrics";
  EXPECT_EQ(fixture.server.answer(request).body, std::string(4096, 'p'));
  request.accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  request.accept_encoding = "deflate, gzip;q=0.8";
  const AdminResponse response = fixture.server.answer(request);
  EXPECT_TRUE(response.content_type.starts_with("application/openmetrics-text"));
  EXPECT_EQ(field_of(response, "content-encoding"), "gzip");
  EXPECT_LT(response.body.size(), 400U);
  EXPECT_EQ(gunzipped(response.body), std::string(4096, 'o'));
  request.accept_encoding = "gzip;q=0.0, identity";
  EXPECT_EQ(field_of(fixture.server.answer(request), "content-encoding"), "");
}

}  // namespace
}  // namespace weir::admin
