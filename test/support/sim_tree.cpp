#include "support/sim_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Address weir_address(std::size_t service, std::size_t number) {
  return Address::v4({10, 1, static_cast<std::uint8_t>(service), static_cast<std::uint8_t>(number)},
                     15006);
}
Address application_address(std::size_t service, std::size_t number) {
  return Address::v4({10, 2, static_cast<std::uint8_t>(service), static_cast<std::uint8_t>(number)},
                     8080);
}
std::string name_of(std::size_t service) { return fmt::format("s{}", service); }

std::size_t number_in(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

policy::Service policy_of(const TreeShape& shape, std::size_t service, std::size_t number) {
  std::vector<policy::Upstream> upstreams;
  std::vector<policy::Route> routes;
  for (const std::size_t called : shape.services[service].calls) {
    const bool known = std::ranges::any_of(
        upstreams, [&](const auto& upstream) { return upstream.name == name_of(called); });
    if (known) continue;
    policy::Upstream& upstream = upstreams.emplace_back(shape.policy);
    upstream.name = name_of(called);
    routes.push_back(route_to(upstream.name));
    routes.back().match.host.text = upstream.name;
    for (std::size_t other = 0; other < shape.services[called].instances; ++other) {
      upstream.endpoints.emplace_back().address = weir_address(called, other);
    }
  }
  policy::Service made = service_with(std::move(upstreams), std::move(routes));
  made.identity.name = name_of(service);
  made.outbound->budget.fallback = shape.budget;
  policy::Inbound& inbound = made.inbound.emplace();
  inbound.application = application_address(service, number);
  inbound.upstream.endpoints.emplace_back().address = inbound.application;
  return made;
}

}  // namespace

// A request that is being worked on, whether or not anybody still waits for the answer.
class TreeInstance::Job {
 public:
  Job(TreeInstance& owner, Connection& connection, const http::RequestHead& head, Visit& visit)
      : owner_(owner), connection_(&connection), head_(head), visit_(visit) {}

  void start();
  // Nobody does.
  void abandon();

 private:
  using Does = Temper::Does;
  World& world() { return owner_.tree_.network.world; }
  void later(Duration delay, void (Job::*step)()) {
    world().after(delay, [this, step] {
      if (!dead_) (this->*step)();
    });
  }
  void work();
  void call();
  void on_answer(int status);
  void conclude();
  void give_up() { respond(503); }
  void die();
  void respond(int status);

  TreeInstance& owner_;
  Connection* connection_;
  http::RequestHead head_;
  Visit& visit_;
  Temper temper_ = owner_.temper;
  std::vector<std::unique_ptr<Calling>> calls_;
  std::size_t answered_ = 0;
  int worst_ = 200;
  bool dead_ = false;
};

class TreeInstance::Connection final : public Peer {
 public:
  Connection(TreeInstance& owner, std::shared_ptr<Link> link)
      : Peer(std::move(link)), owner_(owner) {}
  void idle() { job_ = nullptr; }

 private:
  void on_bytes(std::string_view bytes) override {
    input_ += bytes;
    const auto parsed = parser_.parse(input_);
    if (!parsed || *parsed == 0) return;
    input_.erase(0, *parsed);
    job_ = &owner_.begin(*this, head_);
    parser_.reset();
    job_->start();
  }
  void on_end() override { leave(); }
  void on_reset() override { leave(); }
  void leave() {
    if (job_ != nullptr) std::exchange(job_, nullptr)->abandon();
    close();
  }

  TreeInstance& owner_;
  Job* job_ = nullptr;
  std::string input_;
  http::RequestHead head_;
  codec::RequestHeadParser parser_{head_};
};

void TreeInstance::Job::start() {
  if (temper_.does == Does::answers_first) respond(200);
  if (temper_.does == Does::refuses) return respond(503);
  if (temper_.does == Does::gives_up) later(temper_.life, &Job::give_up);
  if (temper_.does == Does::dies) later(temper_.life, &Job::die);
  later(temper_.before, &Job::work);
}

void TreeInstance::Job::work() {
  const std::size_t all = owner_.service().calls.size();
  if (calls_.size() == all) return conclude();
  const bool parallel = owner_.service().order == Order::parallel;
  do call();
  while (parallel && calls_.size() < all);
}

void TreeInstance::Job::call() {
  const std::size_t index = calls_.size();
  const std::size_t called = owner_.service().calls[index];
  calls_.push_back(std::make_unique<Calling>(owner_.weir.connect(telemetry::Direction::outbound),
                                             [this](int status) { on_answer(status); }));
  calls_.back()->request(
      head_.method_text, name_of(called),
      fmt::format("/{}/{}{}{}?{}", visit_.user, visit_.path, visit_.path.empty() ? "" : ".", index,
                  visit_.number),
      copied_fields(head_, owner_.service().copies, world().random().next() | 1U));
}

void TreeInstance::Job::on_answer(int status) {
  worst_ = std::max(worst_, status == 0 ? 502 : status);
  if (++answered_ == calls_.size()) later(temper_.before, &Job::work);
}

void TreeInstance::Job::conclude() {
  switch (temper_.does) {
    case Does::answers: return respond(worst_);
    case Does::fails:
    case Does::gives_up: return respond(503);
    case Does::half_head:
    case Does::cuts_off: {
      if (connection_ == nullptr) return;
      const bool within_head = temper_.does == Does::half_head;
      connection_->send(within_head ? "HTTP/1.1 200 OK\r\nx-h"
                                    : "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
      return die();
    }
    case Does::answers_first:
    case Does::refuses:
    case Does::hangs:
    case Does::dies: return;
  }
}

void TreeInstance::Job::respond(int status) {
  if (connection_ == nullptr) return;
  visit_.over = world().now();
  connection_->idle();
  std::exchange(connection_, nullptr)
      ->send(fmt::format("HTTP/1.1 {} Said\r\ncontent-length: 0\r\n\r\n", status));
}

void TreeInstance::Job::die() {
  dead_ = true;
  visit_.died = world().now();
  for (const auto& call : calls_) call->drop();
  if (connection_ == nullptr) return;
  visit_.over = world().now();
  connection_->idle();
  std::exchange(connection_, nullptr)->reset();
}

void TreeInstance::Job::abandon() {
  connection_ = nullptr;
  visit_.over = world().now();
  visit_.cancelled = true;
}

TreeInstance::TreeInstance(Tree& tree, std::size_t service, std::size_t number)
    : weir(tree.network, weir_address(service, number), tree.network.world.random().next()),
      tree_(tree),
      service_(service),
      number_(number) {
  tree.network.connector.listen(application_address(service, number), *this);
  weir.apply(policy_of(tree.shape_, service, number));
}

TreeInstance::~TreeInstance() = default;

void TreeInstance::accept(std::shared_ptr<Link> link) {
  connections_.push_back(std::make_unique<Connection>(*this, std::move(link)));
}

TreeInstance::Job& TreeInstance::begin(Connection& connection, const http::RequestHead& head) {
  return *jobs_.emplace_back(std::make_unique<Job>(*this, connection, head, visited(head)));
}

Visit& TreeInstance::visited(const http::RequestHead& head) {
  const std::string_view target = head.target;
  const std::size_t path = target.find('/', 1) + 1;
  const std::size_t query = target.find('?');
  const std::string_view cause = target.substr(query + 1);
  Visit& visit = tree_.visits_.emplace_back();
  visit.number = tree_.visits_.size() - 1;
  visit.user = number_in(target.substr(1));
  visit.path = target.substr(path, query - path);
  visit.target = target;
  visit.service = service_;
  visit.instance = number_;
  if (cause != "user") visit.cause = &tree_.visits_[number_in(cause)];
  visit.fields = head.fields;
  visit.at = tree_.network.world.now();
  visit.deadline =
      visit.at + resilience::read_grant(head.fields).granted.value_or(Duration::zero());
  return visit;
}

Tree::Tree(TreeShape shape) : network(shape.seed), shape_(std::move(shape)) {
  for (std::size_t service = 0; service < shape_.services.size(); ++service) {
    auto& all = instances_.emplace_back();
    for (std::size_t number = 0; number < shape_.services[service].instances; ++number) {
      all.push_back(std::make_unique<TreeInstance>(*this, service, number));
    }
  }
}

Tree::~Tree() = default;

TreeInstance& Tree::instance(std::size_t service, std::size_t number) {
  return *instances_.at(service).at(number);
}

User& Tree::ask(Duration budget, http::Method method) {
  const std::size_t number = users_.size();
  auto& entry = instance(0, number % instances_[0].size());
  clients_.push_back(std::make_unique<Client>(entry.weir.connect(telemetry::Direction::inbound)));
  const Instant now = network.world.now();
  User& user = users_.emplace_back(User{method, now, now + budget, {}, clients_.back().get()});
  user.client->request(
      fmt::format("{2} /{0}/?user HTTP/1.1\r\nHost: s0\r\nx-request-id: u{0}\r\n"
                  "weir-budget-ms: {1}\r\n\r\n",
                  number, whole_milliseconds(budget), method == http::Method::put ? "PUT" : "GET"),
      method);
  return user;
}

void Tree::leave(User& user) {
  if (!user.gone && user.client->answer() == nullptr) user.gone = network.world.now();
  user.client->close();
}

void Tree::finish() {
  network.world.run_for(seconds{40});
  for (User& user : users_) leave(user);
  network.world.run_for(seconds{100});
  for (const auto& instances : instances_) {
    for (const auto& instance : instances) instance->weir.drain();
  }
  network.world.run_for(seconds{40});
}

}  // namespace weir::sim
