// The far end of a simulated connection: bytes are pushed to it, and it sends as the window opens.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "support/sim_link.h"

namespace weir::sim {

class Peer : private LinkEvents {
 public:
  explicit Peer(std::shared_ptr<Link> link);
  virtual ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(std::string_view bytes);
  // After everything that was sent.
  void end();
  void reset();
  void close();
  // Not reading is how a peer pushes back.
  void pause() { paused_ = was_paused_ = true; }
  bool was_paused() const { return was_paused_; }
  void resume();
  bool open() const { return open_; }
  // The other side has ended or reset the connection.
  bool over() const { return over_; }
  std::size_t unsent() const { return outbox_.size(); }
  World& world() { return link_->world(); }

 protected:
  // The bytes are taken.
  virtual void on_bytes(std::string_view bytes) = 0;
  virtual void on_end() = 0;
  virtual void on_reset() = 0;

 private:
  void on_arrival() override;
  void on_space() override { push(); }
  void push();

  std::shared_ptr<Link> link_;
  std::string outbox_;
  bool open_ = true;
  bool over_ = false;
  bool paused_ = false;
  bool was_paused_ = false;
  bool ending_ = false;
};

// A body whose every byte is known by its place: what arrives can be checked without a copy.
std::string body_of(std::size_t size, std::size_t offset = 0);
bool is_body(std::string_view bytes, std::size_t offset);

}  // namespace weir::sim
