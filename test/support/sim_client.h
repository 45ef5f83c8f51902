// A caller: one connection to the proxy, raw bytes out, parsed responses in, with their times.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "support/sim_peer.h"
#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"

namespace weir::sim {

struct Response {
  std::string target;  // of the request that it answers
  http::ResponseHead head;
  std::vector<std::uint16_t> interim;
  std::string body;  // empty where keep_bodies is off
  std::size_t size = 0;
  bool intact = true;  // the bytes are those of body_of(); local replies are not
  bool complete = false;
  std::string trailer;  // x-trailer
  http::Fields trailers;
  Instant at_head;
  Instant at_end;

  std::string field(std::string_view name) const {
    return std::string{head.fields.find(name).value_or("")};
  }
};

class Client final : public Peer {
 public:
  explicit Client(std::shared_ptr<Link> link) : Peer(std::move(link)) {}

  // Whatever it says; `method` is needed to read the answer, and the target tells which it is.
  void request(std::string_view bytes, http::Method method = http::Method::get,
               std::string_view target = {});
  // GET `target` for Host `catalog`, with an x-id of its target and further field lines.
  void get(std::string_view target, std::string_view fields = {});
  // POST with a body of that size.
  void post(std::string_view target, std::size_t body, std::string_view fields = {});

  const std::deque<Response>& responses() const { return responses_; }
  // The response to the `index`th request, if complete.
  const Response* answer(std::size_t index = 0) const;
  std::size_t complete() const { return complete_; }
  bool was_reset() const { return reset_; }
  bool was_ended() const { return ended_; }
  // Bytes that were no response.
  bool confused() const { return confused_; }
  const std::string& tunnelled() const { return tunnelled_; }
  // Every head that began has had its end.
  bool cut_off() const { return !responses_.empty() && !responses_.back().complete && in_body_; }

  bool keep_bodies = true;
  bool mute = false;  // a plan that goes on talking stops here

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_reset() override { reset_ = true; }
  bool read_head();
  bool read_body();
  void finish();

  std::string input_;
  struct Asked {
    http::Method method;
    std::string target;
  };
  std::deque<Asked> asked_;
  std::deque<Response> responses_;
  std::vector<std::uint16_t> interim_;
  http::ResponseHead head_;
  std::optional<codec::ResponseHeadParser> parser_;
  codec::BodyDecoder decoder_{http::BodyLength::none()};
  std::string tunnelled_;
  std::size_t complete_ = 0;
  bool in_body_ = false;
  bool tunnel_ = false;
  bool reset_ = false;
  bool ended_ = false;
  bool confused_ = false;
};

// Raw requests.
std::string get_text(std::string_view target, std::string_view fields = {});
std::string post_head(std::string_view target, std::size_t body, std::string_view fields = {});

}  // namespace weir::sim
