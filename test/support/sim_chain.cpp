#include "support/sim_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "support/sim_scope.h"

namespace weir::sim {
namespace {

constexpr Duration short_delay = std::chrono::microseconds{100};

Address weir_address(std::uint8_t tier, std::uint8_t replica) {
  return Address::v4({10, 1, tier, replica}, 15006);
}
Address application_address(std::uint8_t tier, std::uint8_t replica) {
  return Address::v4({10, 2, tier, replica}, 8080);
}

// The fields that an application sends on, with those that make a request.
std::string fields_of(const http::RequestHead& head, Copies copies, std::uint64_t span) {
  std::string text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    text += fmt::format("{}: {}\r\n", name, value);
  };
  const auto copy = [&](std::string_view name) {
    if (const auto value = head.fields.find(name)) add(name, *value);
  };
  switch (copies) {
    case Copies::everything:
      head.fields.for_each([&](const http::Field& field) { add(field.name, field.value); });
      return text;
    case Copies::trace_headers:
      if (const auto parent = head.fields.find(http::Name::traceparent)) {
        add("traceparent", fmt::format("{}{:016x}-01", parent->substr(0, 36), span));
      }
      copy("tracestate");
      break;
    case Copies::request_id: copy("x-request-id"); break;
    case Copies::nothing: break;
  }
  copy("x-id");
  return text;
}

}  // namespace

// One call: a connection, a request, and the status of its answer.
class ChainedService::Calling final : public Peer {
 public:
  Calling(std::shared_ptr<Link> link, std::function<void(int)> done)
      : Peer(std::move(link)), done_(std::move(done)) {}

 private:
  void on_bytes(std::string_view bytes) override {
    input_ += bytes;
    const auto parsed = parser_.parse(input_);
    if (parsed && *parsed > 0) finish(head_.status);
  }
  void on_end() override { finish(0); }
  void on_reset() override { finish(0); }
  void finish(int status) {
    if (auto done = std::exchange(done_, nullptr)) done(status);
    close();
  }

  std::function<void(int)> done_;
  std::string input_;
  http::ResponseHead head_;
  codec::ResponseHeadParser parser_{head_};
};

// One request of the application, which works on though nobody may listen any more.
class ChainedService::Serving final : public Peer {
 public:
  Serving(ChainedService& owner, std::shared_ptr<Link> link)
      : Peer(std::move(link)), owner_(owner) {}

 private:
  void on_bytes(std::string_view bytes) override {
    input_ += bytes;
    const auto parsed = parser_.parse(input_);
    if (!parsed || *parsed == 0) return;
    input_.erase(0, *parsed);
    const std::size_t number = owner_.heads.size();
    owner_.heads.push_back(head_);
    parser_.reset();
    if (owner_.habits.answers_first) answer(200);
    world().after(owner_.habits.before, [this, number] { call(number); });
  }
  void on_end() override { close(); }
  void on_reset() override { close(); }

  void call(std::size_t number) {
    const http::RequestHead& head = owner_.heads[number];
    waiting_ = owner_.habits.fan_out;
    worst_ = 200;
    for (int i = 0; i < owner_.habits.fan_out; ++i) {
      calls_.push_back(std::make_unique<Calling>(owner_.connect(telemetry::Direction::outbound),
                                                 [this](int status) { on_answer(status); }));
      calls_.back()->send(
          fmt::format("GET {} HTTP/1.1\r\nHost: catalog\r\n{}\r\n", head.target,
                      fields_of(head, owner_.habits.copies, world().random().next() | 1U)));
    }
  }
  void on_answer(int status) {
    owner_.statuses.push_back(status);
    worst_ = std::max(worst_, status == 0 ? 502 : status);
    if (--waiting_ > 0 || owner_.habits.answers_first || owner_.habits.hangs) return;
    answer(worst_);
  }
  void answer(int status) {
    send(fmt::format("HTTP/1.1 {} OK\r\ncontent-length: 0\r\n\r\n", status));
  }

  ChainedService& owner_;
  std::string input_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_{head_};
  std::deque<std::unique_ptr<Calling>> calls_;
  int waiting_ = 0;
  int worst_ = 0;
};

class ChainedService::Application final : public Listening {
 public:
  explicit Application(ChainedService& owner) : owner_(owner) {}
  Listening::Answer answer() override { return Answer::accept; }
  Duration delay() override { return short_delay; }
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override {
    serving_.push_back(std::make_unique<Serving>(owner_, std::move(link)));
  }

 private:
  ChainedService& owner_;
  std::deque<std::unique_ptr<Serving>> serving_;
};

// The weir's inbound listener, as the tier above sees it.
class ChainedService::Door final : public Listening {
 public:
  Door(ChainedService& owner) : owner_(owner) {}
  Listening::Answer answer() override { return Answer::accept; }
  Duration delay() override { return short_delay; }
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override {
    owner_.accept(std::move(link), telemetry::Direction::inbound, Side::peer);
  }

 private:
  ChainedService& owner_;
};

ChainedService::ChainedService(Chain& chain, std::uint8_t tier, std::uint8_t replica)
    : recorder(chain.world),
      chain_(chain),
      clusters_(chain.shape_.seed),
      inbound_(chain.world.scheduler(), chain.world, chain.connector, recorder, counts_, 1),
      outbound_(chain.world.scheduler(), chain.world, chain.connector, recorder, counts_, 2),
      door_(std::make_unique<Door>(*this)),
      application_(std::make_unique<Application>(*this)) {
  habits.copies = chain.shape_.copies;
  chain.connector.listen(weir_address(tier, replica), *door_);
  chain.connector.listen(application_address(tier, replica), *application_);
  policy::Upstream next = upstream("catalog", 0);
  const bool last = tier + 1 == chain.shape_.services;
  const std::uint8_t count = last ? chain.shape_.leaves : chain.shape_.replicas;
  for (std::uint8_t number = 0; number < count; ++number) {
    auto& endpoint = next.endpoints.emplace_back();
    endpoint.address =
        last ? instance_address(number) : weir_address(static_cast<std::uint8_t>(tier + 1), number);
  }
  policy::Service service = service_with(std::move(next));
  policy::Inbound inbound;
  inbound.application = application_address(tier, replica);
  inbound.upstream.endpoints.emplace_back().address = inbound.application;
  service.inbound = inbound;
  apply(std::move(service));
}

ChainedService::~ChainedService() = default;

void ChainedService::apply(policy::Service service) {
  service_ = service;
  const auto snapshot = clusters_.compile(std::move(service), chain_.world.now());
  inbound_.apply(snapshot);
  outbound_.apply(snapshot);
}

void ChainedService::accept(std::shared_ptr<Link> link, telemetry::Direction direction, Side side) {
  auto transport = std::make_unique<SimTransport>(
      std::move(link), Address::v4({127, 0, 0, 1}, 40000), chain_.holdings, side);
  const Scope scope{Whose::proxy};
  auto& worker = direction == telemetry::Direction::inbound ? inbound_ : outbound_;
  worker.accept({direction}, std::move(transport));
}

std::shared_ptr<Link> ChainedService::connect(telemetry::Direction direction) {
  auto link = std::make_shared<Link>(chain_.world, LinkTraits{});
  chain_.world.after(short_delay,
                     [this, link, direction] { accept(link, direction, Side::proxy); });
  return link;
}

Chain::Chain(const Shape& shape) : world(shape.seed), shape_(shape) {
  for (std::uint8_t number = 0; number < shape.leaves; ++number) {
    const Address address = instance_address(number);
    leaves_.push_back(std::make_unique<Instance>(world, address.text(), address));
    connector.listen(address, *leaves_.back());
  }
  for (std::uint8_t tier = 0; tier < shape.services; ++tier) {
    auto& services = tiers_.emplace_back();
    const int replicas = tier == 0 ? 1 : shape.replicas;
    for (std::uint8_t replica = 0; replica < replicas; ++replica) {
      services.push_back(std::make_unique<ChainedService>(*this, tier, replica));
    }
  }
}

Chain::~Chain() = default;

Client& Chain::user() {
  users_.push_back(std::make_unique<Client>(service(0).connect(telemetry::Direction::inbound)));
  return *users_.back();
}

ChainedService& Chain::service(std::size_t tier, std::size_t replica) {
  return *tiers_.at(tier).at(replica);
}

std::vector<const Sighting*> Chain::leaf_calls(std::string_view id) const {
  std::vector<const Sighting*> calls;
  for (const auto& leaf : leaves_) {
    for (const Sighting& sighting : leaf->seen()) {
      if (sighting.id == id) calls.push_back(&sighting);
    }
  }
  return calls;
}

void Chain::change(const std::function<void(policy::Service&)>& change) {
  for (const auto& tier : tiers_) {
    for (const auto& one : tier) {
      policy::Service service = one->service();
      change(service);
      one->apply(std::move(service));
    }
  }
}

}  // namespace weir::sim
