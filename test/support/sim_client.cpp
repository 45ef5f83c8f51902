#include "support/sim_client.h"

#include <fmt/format.h>

#include <utility>

namespace weir::sim {

std::string get_text(std::string_view target, std::string_view fields) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: catalog\r\nx-id: {}\r\n{}\r\n", target, target,
                     fields);
}

std::string post_head(std::string_view target, std::size_t body, std::string_view fields) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: catalog\r\nx-id: {}\r\nContent-Length: {}\r\n{}\r\n", target,
      target, body, fields);
}

void Client::request(std::string_view bytes, http::Method method, std::string_view target) {
  asked_.push_back({method, std::string{target}});
  send(bytes);
}

void Client::get(std::string_view target, std::string_view fields) {
  request(get_text(target, fields), http::Method::get, target);
}

void Client::post(std::string_view target, std::size_t body, std::string_view fields) {
  request(post_head(target, body, fields) + body_of(body), http::Method::post, target);
}

const Response* Client::answer(std::size_t index) const {
  if (index >= responses_.size() || !responses_[index].complete) return nullptr;
  return &responses_[index];
}

void Client::on_bytes(std::string_view bytes) {
  if (tunnel_) {
    tunnelled_.append(bytes);
    return;
  }
  input_.append(bytes);
  while (in_body_ ? read_body() : read_head()) {
  }
}

void Client::on_end() {
  ended_ = true;
  if (!in_body_) return;
  decoder_.close();
  while (in_body_ && read_body()) {
  }
}

bool Client::read_head() {
  if (tunnel_) {
    tunnelled_ += std::exchange(input_, {});
    return false;
  }
  if (input_.empty()) return false;
  const http::Method method = asked_.empty() ? http::Method::get : asked_.front().method;
  if (!parser_) {
    parser_.emplace(head_);
    parser_->reset(method);
  }
  const auto parsed = parser_->parse(input_);
  if (!parsed) {
    confused_ = true;
    return false;
  }
  if (*parsed == 0) return false;
  input_.erase(0, *parsed);
  parser_.reset();
  if (head_.informational() && head_.status != 101) {
    interim_.push_back(head_.status);
    return true;
  }
  // A refusal may come before the request was even complete, but never two.
  if (asked_.empty()) confused_ = true;
  Response& response = responses_.emplace_back();
  response.head = head_;
  if (!asked_.empty()) response.target = asked_.front().target;
  response.interim = std::exchange(interim_, {});
  response.at_head = world().now();
  decoder_.reset(head_.body);
  in_body_ = true;
  tunnel_ = head_.status == 101 || (method == http::Method::connect && head_.status == 200);
  return true;
}

bool Client::read_body() {
  using Step = codec::BodyDecoder::Step;
  Response& response = responses_.back();
  const Step step = decoder_.decode(input_);
  const std::string data{step.data.begin(), step.data.end()};
  input_.erase(0, step.skip);
  switch (step.state) {
    case Step::State::need_more: return false;
    case Step::State::error: confused_ = !ended_; return false;
    case Step::State::end: finish(); return true;
    case Step::State::data: break;
  }
  response.intact = response.intact && is_body(data, response.size);
  response.size += data.size();
  if (keep_bodies) response.body += data;
  decoder_.take(data.size());
  input_.erase(0, data.size());
  return true;
}

void Client::finish() {
  Response& response = responses_.back();
  response.complete = true;
  response.at_end = world().now();
  response.trailer = decoder_.trailers().find("x-trailer").value_or("");
  response.trailers = decoder_.trailers();
  in_body_ = false;
  ++complete_;
  if (!asked_.empty()) asked_.pop_front();
}

}  // namespace weir::sim
