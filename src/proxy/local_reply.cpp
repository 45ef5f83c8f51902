#include "weir/proxy/local_reply.h"

#include <fmt/format.h>

#include <chrono>

#include "weir/proxy/trailers.h"

namespace weir::proxy {
namespace {

using http::Name;

std::string proxy_status(const resilience::FailureFacts& facts) {
  return fmt::format("weir; error={}; details=\"{}\"", facts.proxy_status, facts.label);
}

void describe(http::Fields& fields, const LocalReplyQuestion& question) {
  const auto& facts = resilience::facts_of(question.failure);
  if (!facts.proxy_status.empty()) fields.add(Name::proxy_status, proxy_status(facts));
  if (question.retry_after > Duration::zero()) {
    const auto rounded = std::chrono::ceil<std::chrono::seconds>(question.retry_after);
    fields.add(Name::retry_after, fmt::format("{}", rounded.count()));
  }
  write_fault_marks(fields, question.marks);
  // An open breaker and a spent failover both say: do not try again above.
  if (question.failover_spent || question.failure == resilience::Failure::breaker_open) {
    fields.add(Name::weir_failover, "spent");
    mark_no_retry(fields);
  }
}

void tell_grpc(http::Fields& fields, const LocalReplyQuestion& question) {
  const auto& facts = resilience::facts_of(question.failure);
  fields.add(Name::grpc_status, fmt::format("{}", facts.grpc_status));
  fields.add(Name::grpc_message, fmt::format("weir: {}", facts.label));
  describe(fields, question);
}

}  // namespace

LocalReply make_local_reply(const LocalReplyQuestion& question) {
  const auto& facts = resilience::facts_of(question.failure);
  LocalReply reply;
  if (question.grpc) {
    reply.head.status = 200;
    reply.head.fields.add(Name::content_type, "application/grpc");
    tell_grpc(reply.head.fields, question);
    return reply;
  }
  reply.head.status = facts.status;
  reply.head.reason = http::reason_phrase(facts.status);
  reply.body = fmt::format("weir: {}\n", facts.label);
  reply.head.body = http::BodyLength::known(reply.body.size());
  reply.head.fields.add(Name::content_type, "text/plain; charset=utf-8");
  describe(reply.head.fields, question);
  return reply;
}

http::Fields make_grpc_trailers(const LocalReplyQuestion& question) {
  http::Fields trailers;
  tell_grpc(trailers, question);
  return trailers;
}

LocalReply make_fallback_reply(std::uint16_t status, std::string_view content_type,
                               std::string_view body) {
  LocalReply reply;
  reply.head.status = status;
  reply.head.reason = http::reason_phrase(status);
  reply.head.body = http::BodyLength::known(body.size());
  reply.head.fields.add(Name::content_type, content_type.empty() ? "text/plain" : content_type);
  reply.head.fields.add(Name::proxy_status, "weir; details=\"fallback\"");
  reply.body = body;
  return reply;
}

}  // namespace weir::proxy
