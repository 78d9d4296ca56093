// Stacks that a kernel's threads run on, and the switch between them: about 20 instructions, no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace plait::simt {

struct Fiber {
  void* stack_pointer = nullptr;  // while it does not run
  char* low = nullptr;            // the stack's lowest byte
  std::size_t size = 0;
  void* sanitizer_stack = nullptr;
};

// Saves the running fiber in `from`, goes on with `to`. ends: `from` will not be continued where it is.
void switch_fiber(Fiber& from, Fiber& to);

// To be called first in a new fiber.
void entered_fiber();

class FiberPool {
 public:
  explicit FiberPool(void (*entry)()) : entry_(entry) {}
  ~FiberPool();
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;

  Fiber& take();
  void give_back(Fiber& fiber) { free_.push_back(&fiber); }
  // After a deadlock: every fiber is stuck somewhere; all begin anew.
  void restart_all();

 private:
  void prepare(Fiber& fiber, std::size_t number) const;

  void (*entry_)();
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
};

// The stack that the OS gave the worker: where a block's runner waits for its fibers.
Fiber& native_fiber();

}  // namespace plait::simt
