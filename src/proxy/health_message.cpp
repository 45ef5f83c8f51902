#include "weir/proxy/health_message.h"

#include <cstdint>
#include <optional>

#include "weir/http/grpc.h"
#include "weir/resilience/budget.h"
#include "weir/resilience/grpc.h"

namespace weir::proxy {
namespace {

using http::GrpcStatus;
using http::Name;
using resilience::Wellness;

// Protocol buffers' encoding: fields of a key, which is number * 8 + wire type, and a value.
constexpr char service_key = 1 * 8 + 2;          // HealthCheckRequest.service, a string
constexpr std::uint64_t status_key = 1 * 8 + 0;  // HealthCheckResponse.status, an enumeration
constexpr std::uint64_t serving = 1;
constexpr std::size_t prefix_size = 5;  // gRPC: whether compressed, and four bytes of length

void append_varint(std::string& text, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) text.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
  text.push_back(static_cast<char>(value));
}

std::string make_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message.push_back(service_key);
    append_varint(message, service.size());
    message.append(service);
  }
  std::string framed(1, '\0');
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    framed.push_back(static_cast<char>((message.size() >> shift) & 0xffU));
  }
  return framed + message;
}

std::optional<std::uint64_t> take_varint(std::string_view& text) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

// Steps over a value that has no meaning for us; false where it is malformed.
bool skip(std::string_view& text, std::uint64_t key) {
  std::optional<std::uint64_t> size;
  switch (key & 7U) {
    case 0: return take_varint(text).has_value();
    case 1: size = 8; break;
    case 2: size = take_varint(text); break;
    case 5: size = 4; break;
    default: break;
  }
  if (!size || *size > text.size()) return false;
  text.remove_prefix(*size);
  return true;
}

// The status of a HealthCheckResponse, 0 where it is left out; nullopt when it is malformed.
std::optional<std::uint64_t> read_response(std::string_view body) {
  if (body.size() < prefix_size || body[0] != '\0') return std::nullopt;
  std::uint64_t size = 0;
  for (std::size_t index = 1; index < prefix_size; ++index) {
    size = size << 8U | static_cast<unsigned char>(body[index]);
  }
  body.remove_prefix(prefix_size);
  if (size != body.size()) return std::nullopt;
  std::uint64_t status = 0;
  while (!body.empty()) {
    const auto key = take_varint(body);
    if (!key) return std::nullopt;
    if (*key == status_key) {
      const auto value = take_varint(body);
      if (!value) return std::nullopt;
      status = *value;
    } else if (!skip(body, *key)) {
      return std::nullopt;
    }
  }
  return status;
}

}  // namespace

HealthQuestion make_health_question(const policy::HealthCheck& policy, std::string_view authority) {
  HealthQuestion question;
  http::RequestHead& head = question.head;
  head.authority = authority;
  head.fields.add(Name::user_agent, "weir-health-check");
  resilience::Remainder left{.budget = policy.timeout};
  if (policy.kind == policy::HealthCheck::Kind::http) {
    head.method_text = http::name_of(head.method);
    head.target = policy.path;
  } else {
    head.method = http::Method::post;
    head.method_text = http::name_of(head.method);
    head.target = "/grpc.health.v1.Health/Check";
    head.body = http::BodyLength::chunked();
    head.fields.add(Name::content_type, "application/grpc");
    head.fields.add(Name::te, "trailers");
    left.grpc_call = policy.timeout;
    question.body = make_request(policy.service);
  }
  resilience::write_grant(head.fields, left);
  return question;
}

HealthAnswer judge_http_health(const http::ResponseHead& head) {
  if (head.status >= 200 && head.status < 300) return {Wellness::well, "status"};
  return {Wellness::unwell, "status"};
}

HealthAnswer judge_grpc_health(const http::ResponseHead& head, std::string_view body,
                               const http::Fields* trailers) {
  using resilience::Call;
  auto outcome = resilience::judge_head(head, Call::grpc, {});
  outcome = resilience::judge_end(outcome, trailers, Call::grpc, {});
  const auto status = static_cast<GrpcStatus>(*outcome.grpc);
  if (status == GrpcStatus::unimplemented) return {Wellness::well, "unimplemented"};
  if (status != GrpcStatus::ok) return {Wellness::unwell, "grpc_status"};
  const auto said = read_response(body);
  if (!said) return {Wellness::unwell, "malformed"};
  if (*said == serving) return {Wellness::well, "serving"};
  return {Wellness::unwell, "not_serving"};
}

}  // namespace weir::proxy
