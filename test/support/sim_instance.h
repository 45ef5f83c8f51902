// One instance of an upstream: an HTTP/1.1 server with moods that a test switches as time goes by,
// and a memory of everything that it was asked.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "support/sim_network.h"
#include "support/sim_peer.h"
#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"
#include "weir/resilience/budget.h"

namespace weir::sim {

struct Mood {
  enum class Does : std::uint8_t {
    answers,
    hangs,      // takes the request and never answers
    resets,     // instead of an answer
    closes,     // likewise, in order
    cuts_off,   // resets after half of the body
    babbles,    // something that is not HTTP
    half_head,  // part of a head, then a reset
  };
  Listening::Answer connect = Listening::Answer::accept;
  Duration connect_delay = std::chrono::microseconds{400};
  Does does = Does::answers;
  Duration latency = std::chrono::milliseconds{5};  // request complete to response
  Duration spread{};                                // up to so much more, by chance
  std::uint16_t status = 200;
  std::size_t body = 16;
  bool chunked = false;     // with a trailer
  std::string grpc_status;  // in the trailers of what is chunked
  bool interim = false;     // a 103 first
  bool early = false;       // does not wait for the request's body
  bool keep_alive = true;
  std::size_t pieces = 1;  // of the body, with `pause` between them
  Duration pause{};
  std::string fields;                       // further header lines, each with CR LF
  Duration idle = std::chrono::seconds{5};  // closes a connection after so long without requests
};

// A request as the instance saw it.
struct Sighting {
  std::string id;  // x-id
  std::string instance;
  http::Method method = http::Method::get;
  http::RequestHead head;
  bool second = false;  // weir-attempt above 1
  std::optional<Duration> budget;
  Instant at;
  std::uint64_t connection = 0;
  std::size_t body = 0;
  bool body_complete = false;
  bool body_intact = true;
  bool stalled = false;              // it was not read when it arrived, so that `at` says little
  std::optional<Instant> answered;   // the last byte was sent
  std::optional<Instant> cancelled;  // the proxy ended the connection before that
};

class Instance final : public Listening {
 public:
  Instance(World& world, std::string name, Address address, LinkTraits traits = {});
  ~Instance();

  Mood mood;
  // What is open is reset, and with `refuse` in the mood nobody comes back.
  void reset_all();
  void close_all();
  // All open connections stop (or go on) reading.
  void stall();
  void go_on();

  const std::string& name() const { return name_; }
  const Address& address() const { return address_; }
  const std::deque<Sighting>& seen() const { return seen_; }
  std::size_t connections_made() const { return made_; }
  std::size_t connections() const;
  // What it has said and the network has not taken.
  std::size_t unsent() const;
  // Bytes came that belong to no request: a connection was used by two.
  bool confused() const { return confused_; }

 private:
  class Connection;
  Listening::Answer answer() override { return mood.connect; }
  Duration delay() override { return mood.connect_delay; }
  LinkTraits traits() override { return traits_; }
  void accept(std::shared_ptr<Link> link) override;

  World& world_;
  std::string name_;
  Address address_;
  LinkTraits traits_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::deque<Sighting> seen_;
  std::size_t made_ = 0;
  bool confused_ = false;
};

}  // namespace weir::sim
