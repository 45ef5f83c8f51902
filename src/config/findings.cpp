#include "findings.h"

namespace weir::config {

Findings::Spot Findings::locate(Place place) const {
  Node* node = &root_;
  Spot spot{node, true, node->at, {}};
  for (const Step& step : place) {
    Node* next = nullptr;
    if (const auto* key = std::get_if<std::string_view>(&step)) {
      next = node->is_map() ? node->find(*key) : nullptr;
      if (next != nullptr) {
        const auto index = static_cast<std::size_t>(next - node->items.data());
        spot.at = node->keys[index].at;
        spot.text = node->keys[index].text;
      }
    } else if (const auto index = std::get<std::size_t>(step); index < node->items.size()) {
      next = &node->items[index];
      spot.at = next->at;
      spot.text = {};
    }
    if (next == nullptr) {
      spot.complete = false;
      break;
    }
    node = next;
    spot.node = node;
  }
  if (node->kind == Node::Kind::scalar) {
    spot.at = node->at;
    spot.text = node->text;
  }
  return spot;
}

void Findings::error(Place place, Complaint complaint) {
  error(place, place, std::move(complaint));
}

void Findings::error(Place place, Place other, Complaint complaint) {
  const Spot spot = locate(place);
  if (spot.node->flawed || locate(other).node->flawed) return;
  problems_.error(spot.at, spot.text, std::move(complaint));
}

void Findings::warn(Place place, Complaint complaint) {
  const Spot spot = locate(place);
  if (!spot.node->flawed) problems_.warn(spot.at, spot.text, std::move(complaint));
}

const Node* Findings::find(Place place) const {
  const Spot spot = locate(place);
  return spot.complete ? spot.node : nullptr;
}

}  // namespace weir::config
