// Heads that the tests send, and fields as text.
#pragma once

#include <string>
#include <string_view>

#include "weir/http/message.h"

namespace weir::codec {

inline http::RequestHead request_to(std::string_view target, http::Method method,
                                    http::BodyLength body = {}) {
  http::RequestHead head;
  head.method = method;
  head.method_text = http::name_of(method);
  head.authority = "catalog:8080";
  head.target = target;
  head.body = body;
  return head;
}

inline http::ResponseHead response_of(std::uint16_t status, http::BodyLength body = {}) {
  http::ResponseHead head;
  head.status = status;
  head.body = body;
  return head;
}

// Every field, as `name=value` lines.
inline std::string lines_of(const http::Fields& fields) {
  std::string lines;
  fields.for_each([&lines](const http::Field& field) {
    lines.append(field.name).append("=").append(field.value).append("\n");
  });
  return lines;
}

}  // namespace weir::codec
