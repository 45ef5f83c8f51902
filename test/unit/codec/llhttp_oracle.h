// The same message through llhttp, the parser of Node.js, in its strict mode.
#pragma once

#include <llhttp.h>

#include "seen_message.h"

namespace weir::codec {

class LlhttpOracle {
 public:
  static SeenMessage request(std::string_view text) {
    return LlhttpOracle{HTTP_REQUEST, http::Method::get}.read(text);
  }
  // `asked` is the method of the request that is answered.
  static SeenMessage response(std::string_view text, http::Method asked) {
    return LlhttpOracle{HTTP_RESPONSE, asked}.read(text);
  }

  // False where llhttp 8 is known to read otherwise: it refuses quoted values of chunk extensions
  // and a chunk extension behind one that has a value, and tabs behind `chunked`.
  static bool agrees_on(std::string_view text) {
    bool extension = false;
    bool value = false;
    for (const char byte : text) {
      if (byte == '"' || byte == '\t') return false;
      if (byte == ';' && extension && value) return false;
      if (byte == '=' && extension) value = true;
      if (byte == ';') extension = true;
      if (byte == '\n') extension = value = false;
    }
    return true;
  }

 private:
  LlhttpOracle(llhttp_type_t type, http::Method asked) : asked_(asked) {
    llhttp_settings_init(&settings_);
    settings_.on_url = append<&LlhttpOracle::target_>;
    settings_.on_header_field = append<&LlhttpOracle::name_>;
    settings_.on_header_value = append<&LlhttpOracle::value_>;
    settings_.on_body = append<&LlhttpOracle::body_>;
    settings_.on_header_value_complete = [](llhttp_t* parser) {
      self(parser).end_field();
      return 0;
    };
    settings_.on_headers_complete = [](llhttp_t* parser) { return self(parser).end_head(); };
    settings_.on_message_complete = [](llhttp_t* parser) {
      self(parser).seen_.complete = true;
      return static_cast<int>(HPE_PAUSED);
    };
    llhttp_init(&parser_, type, &settings_);
    parser_.data = this;
  }

  static LlhttpOracle& self(llhttp_t* parser) { return *static_cast<LlhttpOracle*>(parser->data); }

  template <std::string LlhttpOracle::* member>
  static int append(llhttp_t* parser, const char* at, size_t size) {
    (self(parser).*member).append(at, size);
    return 0;
  }

  void end_field() {
    if (in_head_) {
      seen_.add_field(name_, value_);
    } else {
      ++seen_.trailers;
    }
    name_.clear();
    value_.clear();
  }

  // llhttp leaves to its user what depends on the request, and 304.
  // 1 tells it that no body follows, 2 that the connection becomes a tunnel.
  int end_head() {
    in_head_ = false;
    if (parser_.type == HTTP_REQUEST) return 0;
    if (asked_ == http::Method::connect && parser_.status_code < 300) return 2;
    return asked_ == http::Method::head || parser_.status_code == 304 ? 1 : 0;
  }

  SeenMessage read(std::string_view text) {
    llhttp_errno_t error = llhttp_execute(&parser_, text.data(), text.size());
    const char* const stopped = error == HPE_OK ? text.data() + text.size() : parser_.error_pos;
    if (error == HPE_OK) error = llhttp_finish(&parser_);
    if (error != HPE_OK && !seen_.complete) {
      seen_.why = std::string{llhttp_errno_name(error)} + " " + parser_.reason;
    }
    seen_.used = static_cast<std::size_t>(stopped - text.data());
    seen_.target = target_;
    seen_.body = body_;
    seen_.status = parser_.status_code;
    if (parser_.type == HTTP_REQUEST) {
      seen_.method = llhttp_method_name(static_cast<llhttp_method_t>(parser_.method));
    }
    return seen_;
  }

  http::Method asked_;
  llhttp_settings_t settings_{};
  llhttp_t parser_{};
  bool in_head_ = true;
  std::string target_, name_, value_, body_;
  SeenMessage seen_;
};

}  // namespace weir::codec
