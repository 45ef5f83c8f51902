#include "support/sim_calling.h"

#include <fmt/format.h>

#include <utility>

namespace weir::sim {

std::string copied_fields(const http::RequestHead& served, Copies copies, std::uint64_t span) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    text += fmt::format("{}: {}\r\n", name, value);
  };
  const auto copy = [&](std::string_view name) {
    if (const auto value = served.fields.find(name)) add(name, *value);
  };
  const auto begin_span = [&] {
    if (const auto parent = served.fields.find(http::Name::traceparent)) {
      add("traceparent", fmt::format("{}{:016x}-01", parent->substr(0, 36), span));
    }
  };
  switch (copies) {
    case Copies::everything:
      served.fields.for_each([&](const http::Field& field) { add(field.name, field.value); });
      return text;
    case Copies::trace_headers:
      begin_span();
      copy("tracestate");
      break;
    case Copies::trace_id: begin_span(); break;
    case Copies::request_id: copy("x-request-id"); break;
    case Copies::nothing: break;
  }
  copy("x-id");
  return text;
}

void Calling::request(std::string_view method, std::string_view host, std::string_view target,
                      std::string_view fields) {
  send(fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", method, target, host, fields));
}

void Calling::drop() {
  done_ = nullptr;
  close();
}

void Calling::on_bytes(std::string_view bytes) {
  input_ += bytes;
  while (!in_body_) {
    const auto parsed = parser_.parse(input_);
    if (!parsed) return finish(0);
    if (*parsed == 0) return;
    input_.erase(0, *parsed);
    in_body_ = !head_.informational();
    if (!in_body_) parser_.reset(http::Method::get);
  }
  if (input_.size() >= head_.body.bytes) finish(head_.status);
}

void Calling::finish(int status) {
  if (auto done = std::exchange(done_, nullptr)) done(status);
  close();
}

}  // namespace weir::sim
