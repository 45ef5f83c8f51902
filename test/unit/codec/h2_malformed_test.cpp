// Requests that RFC 9113 calls malformed, or that an HTTP/1 recipient could read in two ways.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "h2_raw.h"

namespace weir::codec {
namespace {

H2Settings small() {
  return {.head = {.head_bytes = 2048, .field_count = 10, .target_bytes = 100}};
}

struct Sent {
  std::string_view what;
  RawFields fields;
  int status;  // 0: RST_STREAM with PROTOCOL_ERROR; 1: accepted
  std::string_view reason = "";
  std::uint8_t flags = end_stream | end_headers;
};

RawFields head(std::string_view method, std::string_view path, std::string_view authority,
               const RawFields& more = {}) {
  RawFields fields{
      {":method", std::string{method}}, {":scheme", "http"}, {":path", std::string{path}}};
  if (!authority.empty()) fields.emplace_back(":authority", authority);
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

RawFields many(std::size_t count, std::size_t size) {
  RawFields fields;
  for (std::size_t index = 0; index < count; ++index) {
    fields.emplace_back("x-" + std::to_string(index), std::string(size, 'v'));
  }
  return raw_get(fields);
}

const std::vector<Sent>& table() {
  using namespace std::string_literals;
  static const std::vector<Sent> sent{
      {"plain", raw_get(), 1},
      // Fields: RFC 9113, 8.2.
      {"upper case", raw_get({{"X-Upper", "1"}}), 0, "malformed_head"},
      {"empty name", raw_get({{"", "1"}}), 0, "invalid_field"},
      {"colon in a name", raw_get({{"x:y", "1"}}), 0, "invalid_field"},
      {"space in a name", raw_get({{"x y", "1"}}), 0, "invalid_field"},
      {"line feed", raw_get({{"x", "a\nb"}}), 0, "invalid_field"},
      {"carriage return", raw_get({{"x", "a\rb"}}), 0, "invalid_field"},
      {"zero", raw_get({{"x", "a\0b"s}}), 0, "invalid_field"},
      {"delete", raw_get({{"x", "a\x7f"}}), 0, "invalid_field"},
      {"leading space", raw_get({{"x", " a"}}), 0, "invalid_field"},
      {"trailing tab", raw_get({{"x", "a\t"}}), 0, "invalid_field"},
      {"smuggled line", raw_get({{"x", "a\r\ntransfer-encoding: chunked"}}), 0, "invalid_field"},
      {"connection", raw_get({{"connection", "close"}}), 0, "malformed_head"},
      {"keep-alive", raw_get({{"keep-alive", "1"}}), 0, "malformed_head"},
      {"proxy-connection", raw_get({{"proxy-connection", "x"}}), 0, "malformed_head"},
      {"coding", raw_get({{"transfer-encoding", "chunked"}}), 0, "malformed_head"},
      {"upgrade", raw_get({{"upgrade", "h2c"}}), 0, "malformed_head"},
      {"te gzip", raw_get({{"te", "gzip"}}), 0, "malformed_head"},
      {"te trailers", raw_get({{"te", "trailers"}}), 1},
      // Pseudo-fields: RFC 9113, 8.3.
      {"no method",
       {{":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
       0,
       "malformed_head"},
      {"no path",
       {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}},
       0,
       "malformed_head"},
      {"no scheme", {{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, 0, "malformed_head"},
      {"no authority", head("GET", "/", ""), 0, "malformed_head"},
      {"two methods", raw_get({{":method", "GET"}}), 0, "malformed_head"},
      {"two paths", raw_get({{":path", "/b"}}), 0, "malformed_head"},
      {"status", raw_get({{":status", "200"}}), 0, "malformed_head"},
      {"unknown", raw_get({{":x", "1"}}), 0, "malformed_head"},
      {"late", raw_get({{"x", "1"}, {":authority", "b"}}), 0, "malformed_head"},
      {"empty path", head("GET", "", "a"), 0, "malformed_head"},
      {"protocol without CONNECT", raw_get({{":protocol", "websocket"}}), 0, "malformed_head"},
      {"bad method", head("G T", "/", "a"), 0, "malformed_head"},
      // What a client can understand.
      {"long method", head(std::string(33, 'M'), "/", "a"), 501, "method_too_long"},
      {"host stands in", head("GET", "/", "", {{"host", "A:80"}}), 1},
      {"same host", head("GET", "/", "a:80", {{"host", "A:80"}}), 1},
      {"other host", head("GET", "/", "a:80", {{"host", "b"}}), 400, "host_differs_from_target"},
      {"user in authority", head("GET", "/", "u@a"), 400, "bad_host"},
      {"port zero", head("GET", "/", "a:0"), 400, "bad_host"},
      {"number", head("GET", "/", "127.1"), 400, "bad_host"},
      {"fragment", head("GET", "/a#b", "a"), 400, "bad_target"},
      {"short escape", head("GET", "/a%4", "a"), 400, "bad_target"},
      {"bad escape", head("GET", "/a%zz", "a"), 400, "bad_target"},
      {"good escape", head("GET", "/a%20b?c[]=1", "a"), 1},
      {"high byte", head("GET", "/\xc3\xa4", "a"), 400, "bad_target"},
      {"asterisk", head("OPTIONS", "*", "a"), 1},
      {"scheme",
       {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}},
       400,
       "bad_target"},
      {"long target", head("GET", "/" + std::string(100, 'a'), "a"), 414, "target_too_long"},
      {"expectation", raw_get({{"expect", "tea"}}), 417, "unknown_expectation"},
      {"many fields", many(11, 1), 431, "too_many_fields"},
      {"large head", many(9, 300), 431, "head_too_large"},
      {"long name", raw_get({{std::string(257, 'n'), "1"}}), 431, "field_name_too_long"},
      // Lengths.
      {"length", raw_get({{"content-length", "5"}}), 1, "", end_headers},
      {"two lengths", raw_get({{"content-length", "5"}, {"content-length", "5"}}), 0,
       "malformed_head", end_headers},
      {"list of lengths", raw_get({{"content-length", "5, 5"}}), 0, "malformed_head", end_headers},
      {"sign", raw_get({{"content-length", "+5"}}), 0, "malformed_head", end_headers},
      {"leading zero", raw_get({{"content-length", "05"}}), 0, "bad_content_length", end_headers},
      {"length without body", raw_get({{"content-length", "5"}}), 0, "malformed_head"},
      // Tunnels.
      {"connect", {{":method", "CONNECT"}, {":authority", "a:443"}}, 1, "", end_headers},
      {"connect without port",
       {{":method", "CONNECT"}, {":authority", "a"}},
       400,
       "bad_target",
       end_headers},
      {"connect with a length",
       {{":method", "CONNECT"}, {":authority", "a:443"}, {"content-length", "1"}},
       400,
       "body_not_allowed",
       end_headers},
      {"connect with a path",
       {{":method", "CONNECT"}, {":authority", "a:443"}, {":path", "/"}},
       0,
       "malformed_head",
       end_headers},
      {"websocket", head("CONNECT", "/c", "a", {}), 0, "malformed_head", end_headers},
  };
  return sent;
}

// The `:status` of a response's HEADERS that was encoded with an empty table, and its fields.
RawFields decoded(const SeenFrame& headers) {
  RawFields fields;
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  std::string block = headers.payload;
  auto* at = reinterpret_cast<std::uint8_t*>(block.data());
  std::size_t size = block.size();
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, size, 1);
    if (used < 0) break;
    at += used;
    size -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string{reinterpret_cast<char*>(field.name), field.namelen},
                          std::string{reinterpret_cast<char*>(field.value), field.valuelen});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_del(inflater);
  return fields;
}

TEST(H2Malformed, each_request_is_accepted_answered_or_reset) {
  for (const Sent& one : table()) {
    RawPeer peer{H2Session::Role::server, small()};
    peer.send(raw_request(1, one.fields, one.flags));
    const auto frames = peer.received();
    EXPECT_EQ(peer.end.seen.size(), one.status == 1 ? 1U : 0U) << one.what;
    if (one.status == 1) {
      EXPECT_TRUE(frames.empty()) << one.what;
      continue;
    }
    EXPECT_EQ(peer.end.malformed, std::vector<std::string>{std::string{one.reason}}) << one.what;
    ASSERT_FALSE(frames.empty()) << one.what;
    if (one.status == 0) {
      EXPECT_EQ(frames[0].type, raw_reset) << one.what;
      EXPECT_EQ(frames[0].code(), static_cast<std::uint32_t>(H2Error::protocol_error)) << one.what;
    } else {
      const RawFields answer = decoded(frames[0]);
      ASSERT_EQ(answer.size(), 2U) << one.what;
      EXPECT_EQ(answer[0].second, std::to_string(one.status)) << one.what;
      EXPECT_TRUE(answer[1].second.starts_with("weir; error=http_request_error;")) << one.what;
    }
    // Neighbours are served.
    peer.send(raw_request(3, raw_get()));
    EXPECT_EQ(peer.end.seen.size(), 1U) << one.what;
    EXPECT_FALSE(peer.end.session->over()) << one.what;
  }
}

TEST(H2Malformed, a_refused_request_that_goes_on_is_answered_and_then_reset) {
  RawPeer peer{H2Session::Role::server};
  peer.send(raw_request(1, head("PUT", "/a#b", "a"), end_headers) +
            raw_frame(raw_data, 0, 1, "lost"));
  const auto frames = peer.received();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type, raw_headers);
  EXPECT_EQ(frames[1].type, raw_reset);
  EXPECT_EQ(frames[1].code(), 0U);
  EXPECT_TRUE(peer.end.seen.empty());
}

TEST(H2Malformed, a_head_may_be_continued_however_its_bytes_arrive) {
  const std::string block = raw_block(raw_get());
  std::string bytes = raw_frame(raw_headers, end_stream, 1, block.substr(0, 5));
  for (std::size_t at = 5; at < 12; ++at) {
    bytes += raw_frame(raw_continuation, 0, 1, block.substr(at, 1));
  }
  bytes += raw_frame(raw_continuation, end_headers, 1, block.substr(12));
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, everything}) {
    RawPeer peer{H2Session::Role::server};
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      peer.send(std::string_view{bytes}.substr(at, size));
    }
    EXPECT_EQ(peer.end.seen.size(), 1U) << size;
    EXPECT_TRUE(peer.end.floods.empty()) << size;
  }
}

TEST(H2Malformed, cookie_crumbs_are_one_field) {
  RawPeer peer{H2Session::Role::server};
  peer.send(raw_request(1, raw_get({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}})));
  ASSERT_EQ(peer.end.seen.size(), 1U);
  EXPECT_EQ(lines_of(peer.end.seen[0].request.fields), "x=y\ncookie=a=1; b=2\n");
}

TEST(H2Malformed, a_body_is_as_long_as_was_said) {
  for (const std::size_t size : {4U, 6U}) {
    RawPeer peer{H2Session::Role::server};
    peer.send(raw_request(1, raw_get({{"content-length", "5"}}), end_headers) +
              raw_frame(raw_data, end_stream, 1, std::string(size, 'x')));
    const auto frames = peer.received();
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames[0].type, raw_reset);
    EXPECT_FALSE(peer.end.seen[0].ended);
    EXPECT_EQ(peer.end.seen[0].closed, H2Error::protocol_error);
    EXPECT_EQ(peer.end.malformed, std::vector<std::string>{"malformed_body"});
  }
}

TEST(H2Malformed, trailers_change_no_framing_and_no_routing) {
  struct Case {
    RawFields fields;
    bool accepted;
    std::string_view arrives;
  };
  const Case cases[] = {
      {{{"x-sum", "1"}, {"grpc-status", "0"}}, true, "x-sum=1\ngrpc-status=0\n"},
      {{{"authorization", "a"}, {"cookie", "b"}}, true, ""},
      {{{"content-length", "0"}}, false, ""},
      {{{"transfer-encoding", "chunked"}}, false, ""},
      {{{"host", "b"}}, false, ""},
      {{{"te", "trailers"}}, false, ""},
      {{{":path", "/b"}}, false, ""},
      {{{"x", "a\nb"}}, false, ""},
  };
  for (const Case& one : cases) {
    RawPeer peer{H2Session::Role::server};
    peer.send(raw_request(1, raw_get(), end_headers) + raw_request(1, one.fields));
    ASSERT_EQ(peer.end.seen.size(), 1U);
    const SeenStream& heard = peer.end.seen[0];
    EXPECT_EQ(heard.ended, one.accepted) << one.fields[0].first;
    EXPECT_EQ(lines_of(heard.trailers.value_or(http::Fields{})), one.arrives);
    if (one.accepted) continue;
    const auto frames = peer.received();
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames[0].type, raw_reset) << one.fields[0].first;
    EXPECT_EQ(heard.closed, H2Error::protocol_error);
  }
}

TEST(H2Malformed, a_response_that_could_be_read_in_two_ways_is_refused) {
  struct Case {
    RawFields fields;
    bool accepted;
    H2Refusal refusal = H2Refusal::malformed;
  };
  const Case cases[] = {
      {{{":status", "200"}, {"x", "1"}}, true, H2Refusal::none},
      {{{":status", "99"}}, false},
      {{{":status", "600"}}, false},
      {{{":status", "101"}}, false},
      {{{"x", "1"}}, false},
      {{{":status", "200"}, {"connection", "close"}}, false},
      {{{":status", "200"}, {"content-length", "01"}}, false},
      {{{":status", "200"}, {"x", "a\rb"}}, false},
      {{{":status", "200"}, {"x", std::string(2100, 'v')}}, false, H2Refusal::head_too_large},
  };
  for (const Case& one : cases) {
    RawPeer peer{H2Session::Role::client, small()};
    SeenStream& asked = peer.end.ask(request_to("/", http::Method::get));
    peer.received();
    peer.send(raw_request(1, one.fields, end_headers));
    const std::string what = one.fields[0].second;
    EXPECT_EQ(asked.responses.size(), one.accepted ? 1U : 0U) << what;
    const auto frames = peer.received();
    EXPECT_EQ(frames.empty(), one.accepted) << what;
    EXPECT_EQ(asked.refusal(), one.refusal) << what;
    if (one.accepted) continue;
    EXPECT_EQ(asked.closed, H2Error::protocol_error) << what;
  }
}

}  // namespace
}  // namespace weir::codec
