#include "support/sim_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace weir::sim {
namespace {

constexpr Duration short_delay = std::chrono::microseconds{100};

Address weir_address(std::uint8_t tier, std::uint8_t replica) {
  return Address::v4({10, 1, tier, replica}, 15006);
}
Address application_address(std::uint8_t tier, std::uint8_t replica) {
  return Address::v4({10, 2, tier, replica}, 8080);
}

}  // namespace

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
    calls_.push_back(std::make_unique<Calling>(owner_.weir.connect(telemetry::Direction::outbound),
                                               [this](int status) { on_answer(status); }));
    calls_.back()->request("GET", "catalog", head.target,
                           copied_fields(head, owner_.habits.copies, world().random().next() | 1U));
  }
  void on_answer(int status) {
    owner_.statuses.push_back(status);
    if (owner_.habits.answers_first || owner_.habits.hangs) return;
    answer(status == 0 ? 502 : status);
  }
  void answer(int status) {
    send(fmt::format("HTTP/1.1 {} OK\r\ncontent-length: 0\r\n\r\n", status));
  }

  ChainedService& owner_;
  std::string input_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_{head_};
  std::deque<std::unique_ptr<Calling>> calls_;
};

class ChainedService::Application final : public Listening {
 public:
  explicit Application(ChainedService& owner) : owner_(owner) {}
  Listening::Answer answer() override {
    return owner_.habits.dead ? Answer::refuse : Answer::accept;
  }
  Duration delay() override { return short_delay; }
  LinkTraits traits() override { return {}; }
  void accept(std::shared_ptr<Link> link) override {
    serving_.push_back(std::make_unique<Serving>(owner_, std::move(link)));
  }

 private:
  ChainedService& owner_;
  std::deque<std::unique_ptr<Serving>> serving_;
};

ChainedService::ChainedService(Chain& chain, std::uint8_t tier, std::uint8_t replica)
    : weir(chain.network, weir_address(tier, replica), chain.shape_.seed),
      application_(std::make_unique<Application>(*this)) {
  habits.copies = chain.shape_.copies;
  chain.network.connector.listen(application_address(tier, replica), *application_);
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
  weir.apply(std::move(service));
}

ChainedService::~ChainedService() = default;

Chain::Chain(const Shape& shape) : network(shape.seed), shape_(shape) {
  for (std::uint8_t number = 0; number < shape.leaves; ++number) {
    const Address address = instance_address(number);
    leaves_.push_back(std::make_unique<Instance>(world, address.text(), address));
    network.connector.listen(address, *leaves_.back());
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
  users_.push_back(
      std::make_unique<Client>(service(0).weir.connect(telemetry::Direction::inbound)));
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
      policy::Service service = one->weir.service();
      change(service);
      one->weir.apply(std::move(service));
    }
  }
}

}  // namespace weir::sim
