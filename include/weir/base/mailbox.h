// The only way from one thread into a worker: a task posted to its loop.
#pragma once

#include <functional>

namespace weir {

class Mailbox {
 public:
  virtual ~Mailbox() = default;
  // Thread-safe. `task` runs on the worker's thread, from the loop's top level, in order of
  // posting; it is dropped unrun when the worker has ended.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace weir
