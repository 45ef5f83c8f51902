// Words from a fixed list: booleans and enumerations.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec.h"
#include "weir/http/fields.h"

namespace weir::config {
namespace {

template <class E>
struct Word {
  E value;
  std::string_view text;
};

template <class E>
struct Words;

template <>
struct Words<policy::FailoverOn> {
  using enum policy::FailoverOn;
  static constexpr std::array<Word<policy::FailoverOn>, 8> all{
      {{connect_failure, "connect_failure"},
       {refused, "refused"},
       {reset, "reset"},
       {timeout, "timeout"},
       {status_502, "502"},
       {status_503, "503"},
       {status_504, "504"},
       {grpc_unavailable, "unavailable"}}};
};

template <>
struct Words<policy::Balancing> {
  using enum policy::Balancing;
  static constexpr std::array<Word<policy::Balancing>, 4> all{
      {{peak_ewma, "peak_ewma"},
       {round_robin, "round_robin"},
       {least_requests, "least_requests"},
       {consistent_hash, "consistent_hash"}}};
};

template <>
struct Words<policy::Protocol> {
  using enum policy::Protocol;
  static constexpr std::array<Word<policy::Protocol>, 3> all{
      {{automatic, "auto"}, {http_1_1, "http/1.1"}, {http_2, "http/2"}}};
};

template <>
struct Words<policy::Forwarding> {
  using enum policy::Forwarding;
  static constexpr std::array<Word<policy::Forwarding>, 4> all{
      {{append, "append"}, {replace, "replace"}, {remove, "remove"}, {preserve, "preserve"}}};
};

template <>
struct Words<policy::LogFormat> {
  using enum policy::LogFormat;
  static constexpr std::array<Word<policy::LogFormat>, 2> all{{{json, "json"}, {text, "text"}}};
};

template <>
struct Words<policy::CallerGone> {
  using enum policy::CallerGone;
  static constexpr std::array<Word<policy::CallerGone>, 3> all{
      {{by_method, "by_method"}, {cancel, "cancel"}, {finish, "finish"}}};
};

template <>
struct Words<policy::Correlate> {
  using enum policy::Correlate;
  static constexpr std::array<Word<policy::Correlate>, 2> all{{{on, "on"}, {off, "off"}}};
};

template <>
struct Words<policy::Interception::Mode> {
  using enum policy::Interception::Mode;
  static constexpr std::array<Word<policy::Interception::Mode>, 3> all{
      {{off, "off"}, {redirect, "redirect"}, {tproxy, "tproxy"}}};
};

template <>
struct Words<policy::Interception::Unmatched> {
  using enum policy::Interception::Unmatched;
  static constexpr std::array<Word<policy::Interception::Unmatched>, 2> all{
      {{pass_through, "pass_through"}, {refuse, "refuse"}}};
};

template <>
struct Words<policy::ListenerTls::Mode> {
  using enum policy::ListenerTls::Mode;
  static constexpr std::array<Word<policy::ListenerTls::Mode>, 3> all{
      {{off, "off"}, {permissive, "permissive"}, {strict, "strict"}}};
};

template <>
struct Words<policy::ListenerTls::Client> {
  using enum policy::ListenerTls::Client;
  static constexpr std::array<Word<policy::ListenerTls::Client>, 3> all{
      {{none, "none"}, {optional, "optional"}, {required, "required"}}};
};

template <>
struct Words<policy::Tls::Version> {
  using enum policy::Tls::Version;
  static constexpr std::array<Word<policy::Tls::Version>, 2> all{
      {{tls_1_2, "1.2"}, {tls_1_3, "1.3"}}};
};

template <>
struct Words<policy::AuthorizationRule::Effect> {
  using enum policy::AuthorizationRule::Effect;
  static constexpr std::array<Word<policy::AuthorizationRule::Effect>, 2> all{
      {{allow, "allow"}, {deny, "deny"}}};
};

template <>
struct Words<http::Method> {
  using enum http::Method;
  static constexpr std::array<Word<http::Method>, 9> all{{{get, "GET"},
                                                          {head, "HEAD"},
                                                          {post, "POST"},
                                                          {put, "PUT"},
                                                          {delete_, "DELETE"},
                                                          {connect, "CONNECT"},
                                                          {options, "OPTIONS"},
                                                          {trace, "TRACE"},
                                                          {patch, "PATCH"}}};
};

template <class E>
struct WordTrait {
  using Value = E;
  static constexpr auto& all = Words<E>::all;

  static std::string type() {
    std::string text;
    for (const auto& word : all) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", word.text);
    return "one of " + text;
  }
  static std::string schema() {
    std::string text;
    for (const auto& word : all) {
      text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", word.text);
      // A status code stands without quotes in YAML and is a number to an editor.
      if (word.text.front() <= '9') text += fmt::format(", {}", word.text);
    }
    return fmt::format(R"({{"enum": [{}]}})", text);
  }
  static Parsed<E> parse(std::string_view text) {
    const auto found = std::ranges::find(all, text, &Word<E>::text);
    if (found != all.end()) return found->value;
    std::vector<std::string_view> words;
    std::string suggestion;
    for (const auto& word : all) {
      words.push_back(word.text);
      if (http::equal_without_case(word.text, text)) suggestion = word.text;
    }
    if (suggestion.empty()) suggestion = nearest(text, words).value_or("");
    return wrong(fmt::format("\"{}\" is not one of {}", text, fmt::join(words, ", ")), suggestion);
  }
  static std::string_view print(const E& value) {
    const auto found = std::ranges::find(all, value, &Word<E>::value);
    return found == all.end() ? std::string_view{} : found->text;
  }
};

template <class E>
constexpr Codec words = make_codec<WordTrait<E>>();

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::ranges::any_of(list, [&](auto word) { return http::equal_without_case(word, text); });
}

std::optional<bool> loose_truth(std::string_view text) {
  if (is_one_of(text, {"true", "yes", "on", "y", "1", "enabled"})) return true;
  if (is_one_of(text, {"false", "no", "off", "n", "0", "disabled", "none"})) return false;
  return std::nullopt;
}

struct TruthTrait {
  using Value = bool;
  static constexpr bool literal = true;
  static std::string_view type() { return "`true` or `false`"; }
  static std::string_view schema() {
    return R"({"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "\\$\\{"}]})";
  }
  static Parsed<bool> parse(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    const auto meant = loose_truth(text);
    return wrong(fmt::format("\"{}\" is neither true nor false", text),
                 meant ? (*meant ? "true" : "false") : "");
  }
  static std::string_view print(const bool& value) { return value ? "true" : "false"; }
};

struct SwitchTrait {
  using Value = bool;
  static std::string_view type() { return "`on` or `off`"; }
  static std::string_view schema() { return R"({"enum": ["on", "off"]})"; }
  static Parsed<bool> parse(std::string_view text) {
    if (text == "on") return true;
    if (text == "off") return false;
    const auto meant = loose_truth(text);
    return wrong(fmt::format("\"{}\" is neither on nor off", text),
                 meant ? (*meant ? "on" : "off") : "");
  }
  static std::string_view print(const bool& value) { return value ? "on" : "off"; }
};

constexpr Codec truth = make_codec<TruthTrait>();
constexpr Codec maybe_switch = make_optional_codec<SwitchTrait>();

}  // namespace

const Codec& codec_of(const bool&) { return truth; }
const Codec& codec_of(const std::optional<bool>&) { return maybe_switch; }
const Codec& codec_of(const policy::FailoverOn&) { return words<policy::FailoverOn>; }
const Codec& codec_of(const policy::Balancing&) { return words<policy::Balancing>; }
const Codec& codec_of(const policy::Protocol&) { return words<policy::Protocol>; }
const Codec& codec_of(const policy::Forwarding&) { return words<policy::Forwarding>; }
const Codec& codec_of(const policy::LogFormat&) { return words<policy::LogFormat>; }
const Codec& codec_of(const policy::CallerGone&) { return words<policy::CallerGone>; }
const Codec& codec_of(const policy::Correlate&) { return words<policy::Correlate>; }
const Codec& codec_of(const policy::Interception::Mode&) {
  return words<policy::Interception::Mode>;
}
const Codec& codec_of(const policy::Interception::Unmatched&) {
  return words<policy::Interception::Unmatched>;
}
const Codec& codec_of(const policy::ListenerTls::Mode&) { return words<policy::ListenerTls::Mode>; }
const Codec& codec_of(const policy::ListenerTls::Client&) {
  return words<policy::ListenerTls::Client>;
}
const Codec& codec_of(const policy::Tls::Version&) { return words<policy::Tls::Version>; }
const Codec& codec_of(const policy::AuthorizationRule::Effect&) {
  return words<policy::AuthorizationRule::Effect>;
}
const Codec& codec_of(const http::Method&) { return words<http::Method>; }

}  // namespace weir::config
