// What has ended but may still have a frame on the stack: destroyed from the loop's top level.
#pragma once

#include "weir/base/intrusive.h"
#include "weir/base/ready_queue.h"

namespace weir::upstream {

template <class Member>
class Graveyard final : private Wakeable {
 public:
  explicit Graveyard(ReadyQueue& ready) : ready_(ready) {}
  ~Graveyard() override { wake(); }
  // Takes ownership; `member` stands in no other list.
  void bury(Member& member) {
    dead_.push_back(member);
    ready_.schedule(*this);
  }

 private:
  void wake() override {
    dead_.clear_and_dispose([](Member* member) { delete member; });
  }
  ReadyQueue& ready_;
  List<Member> dead_;
};

}  // namespace weir::upstream
