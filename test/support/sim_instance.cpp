#include "support/sim_instance.h"

#include <fmt/format.h>

#include <utility>

#include "weir/codec/h1_writer.h"
#include "weir/resilience/failover.h"

namespace weir::sim {

// Steps that come later ask `turn_`: a connection that has been closed or gone on ignores them.
class Instance::Connection final : public Peer {
 public:
  Connection(Instance& owner, std::shared_ptr<Link> link, std::uint64_t number)
      : Peer(std::move(link)), owner_(owner), number_(number) {
    wait_idle();
  }

 private:
  enum class State : std::uint8_t { head, body, answering, tunnel, done };

  void on_bytes(std::string_view bytes) override {
    if (state_ == State::tunnel) return send(bytes);
    if (state_ == State::done) return;
    input_.append(bytes);
    read();
  }
  void on_end() override {
    if (state_ == State::tunnel) return end();
    abandoned();
    close();
  }
  void on_reset() override {
    abandoned();
    close();
  }

  void abandoned() {
    if (sighting_ != nullptr && !sighting_->answered) sighting_->cancelled = world().now();
    ++turn_;
  }

  void later(Duration delay, void (Connection::*step)()) {
    world().after(delay, [this, step, turn = turn_] {
      if (open() && turn == turn_) (this->*step)();
    });
  }

  void wait_idle() {
    ++turn_;
    later(owner_.mood.idle, &Connection::close_idle);
  }

  void close_idle() {
    if (unsent() > 0) return wait_idle();
    close();
  }

  void read() {
    if (state_ == State::head) {
      const auto parsed = parser_.parse(input_);
      if (!parsed) {
        owner_.confused_ = true;
        return reset();
      }
      if (*parsed == 0) return;
      input_.erase(0, *parsed);
      begin();
    }
    if (state_ == State::body || state_ == State::answering) read_body();
  }

  void begin() {
    ++turn_;
    mood_ = owner_.mood;
    sighting_ = &owner_.seen_.emplace_back();
    sighting_->id = head_.fields.find("x-id").value_or("");
    sighting_->instance = owner_.name_;
    sighting_->method = head_.method;
    sighting_->head = head_;
    sighting_->second = resilience::marked_as_retry(head_.fields);
    sighting_->budget = resilience::read_grant(head_.fields).granted;
    sighting_->at = world().now();
    sighting_->stalled = was_paused();
    sighting_->connection = number_;
    decoder_.reset(head_.body);
    state_ = State::body;
    if (mood_.early) respond_soon();
  }

  void read_body() {
    using Step = codec::BodyDecoder::Step;
    while (!decoder_.ended()) {
      const Step step = decoder_.decode(input_);
      const std::string data{step.data.begin(), step.data.end()};
      input_.erase(0, step.skip);
      if (step.state == Step::State::need_more) return;
      if (step.state == Step::State::error) {
        owner_.confused_ = true;
        return reset();
      }
      if (step.state == Step::State::end) break;
      sighting_->body_intact = sighting_->body_intact && is_body(data, sighting_->body);
      sighting_->body += data.size();
      decoder_.take(data.size());
      input_.erase(0, data.size());
    }
    sighting_->body_complete = true;
    if (!input_.empty() && state_ == State::body) owner_.confused_ = true;
    if (state_ == State::body) respond_soon();
  }

  void respond_soon() {
    state_ = State::answering;
    if (mood_.interim) send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    Duration delay = mood_.latency;
    if (mood_.spread > Duration::zero()) {
      const auto most = static_cast<std::uint64_t>(mood_.spread.count());
      delay += Duration{static_cast<Duration::rep>(world().random().below(most))};
    }
    later(delay, &Connection::respond);
  }

  void respond() {
    switch (mood_.does) {
      case Mood::Does::hangs: return;
      case Mood::Does::resets: return reset();
      case Mood::Does::closes: return close();
      case Mood::Does::babbles: return send("*** this is not the protocol ***\r\n\r\n");
      case Mood::Does::half_head:
        send("HTTP/1.1 200 OK\r\nx-half");
        return later(std::chrono::milliseconds{1}, &Connection::reset);
      case Mood::Does::answers:
      case Mood::Does::cuts_off: break;
    }
    http::ResponseHead head;
    head.status = mood_.status;
    head.reason = http::reason_phrase(mood_.status);
    head.keep_alive = mood_.keep_alive;
    head.body = mood_.chunked ? http::BodyLength::chunked() : http::BodyLength::known(mood_.body);
    if (mood_.status < 200 || mood_.status == 204 || mood_.status == 304) head.body = {};
    head.fields.add("x-instance", owner_.name_);
    std::string out;
    if (head_.method == http::Method::head || head.status == 304) {
      head.body = {};
      head.fields.add(http::Name::content_length, std::to_string(mood_.body));
    }
    if (head.status == 101) head.fields.add(http::Name::upgrade, head_.upgrade);
    codec::write_response_head(head, out, head_.method);
    if (!mood_.fields.empty()) out.insert(out.size() - 2, mood_.fields);
    send(out);
    if (head.status == 101) {
      state_ = State::tunnel;
      ++turn_;
      sighting_->answered = world().now();
      send(std::exchange(input_, {}));
      return;
    }
    length_ = head.body;
    sent_ = 0;
    if (head.body.empty()) return finish();
    send_piece();
  }

  void send_piece() {
    const std::size_t size =
        std::min(mood_.body - sent_, mood_.body / std::max<std::size_t>(mood_.pieces, 1) + 1);
    if (mood_.does == Mood::Does::cuts_off && sent_ + size > mood_.body / 2) {
      send_data(body_of(mood_.body / 2 - std::min(sent_, mood_.body / 2), sent_));
      return later(std::chrono::milliseconds{1}, &Connection::reset);
    }
    send_data(body_of(size, sent_));
    sent_ += size;
    if (sent_ >= mood_.body) return finish();
    later(mood_.pause, &Connection::send_piece);
  }

  void send_data(const std::string& bytes) {
    if (bytes.empty()) return;
    std::string out;
    if (mood_.chunked) codec::write_chunk_header(bytes.size(), out);
    out += bytes;
    if (mood_.chunked) out += codec::chunk_end;
    send(out);
  }

  void finish() {
    if (length_.kind == http::BodyLength::Kind::chunked) {
      http::Fields trailers;
      trailers.add("x-trailer", "told");
      if (!mood_.grpc_status.empty()) {
        trailers.add(http::Name::grpc_status, mood_.grpc_status);
      }
      std::string out;
      codec::write_last_chunk(&trailers, out);
      send(out);
    }
    sighting_->answered = world().now();
    sighting_ = nullptr;
    ++turn_;
    if (!mood_.keep_alive || !decoder_.ended()) {
      state_ = State::done;
      end();
      return later(std::chrono::milliseconds{10}, &Connection::close);
    }
    if (!input_.empty()) owner_.confused_ = true;
    state_ = State::head;
    parser_.reset();
    wait_idle();
  }

  Instance& owner_;
  std::uint64_t number_;
  std::string input_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_{head_};
  codec::BodyDecoder decoder_{http::BodyLength::none()};
  Mood mood_;
  http::BodyLength length_;
  Sighting* sighting_ = nullptr;
  std::size_t sent_ = 0;
  std::uint64_t turn_ = 0;
  State state_ = State::head;
};

Instance::Instance(World& world, std::string name, Address address, LinkTraits traits)
    : world_(world), name_(std::move(name)), address_(address), traits_(traits) {}

Instance::~Instance() = default;

void Instance::accept(std::shared_ptr<Link> link) {
  connections_.push_back(std::make_unique<Connection>(*this, std::move(link), ++made_));
}

std::size_t Instance::connections() const {
  std::size_t open = 0;
  for (const auto& connection : connections_) open += connection->open() ? 1U : 0U;
  return open;
}

std::size_t Instance::unsent() const {
  std::size_t total = 0;
  for (const auto& connection : connections_) total += connection->unsent();
  return total;
}

void Instance::reset_all() {
  for (const auto& connection : connections_) connection->reset();
}

void Instance::close_all() {
  for (const auto& connection : connections_) connection->close();
}

void Instance::stall() {
  for (const auto& connection : connections_) connection->pause();
}

void Instance::go_on() {
  for (const auto& connection : connections_) connection->resume();
}

}  // namespace weir::sim
