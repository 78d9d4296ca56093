#include "kernels/simt/fiber.h"

#include <sys/mman.h>

#include <new>

#if defined(__has_feature)
#define PLAIT_HAS_FEATURE(x) __has_feature(x)
#else
#define PLAIT_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || PLAIT_HAS_FEATURE(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define PLAIT_ADDRESS_SANITIZER 1
#else
#define PLAIT_ADDRESS_SANITIZER 0
#endif

#if !defined(__x86_64__)
#error "the SIMT executor switches stacks by hand and knows x86-64 only"
#endif

// Pushes what the calling convention lets a function keep, exchanges the stack pointers, pops the other side's. The
// frame information lets a debugger walk from a running thread down to its kernel.
extern "C" void plait_simt_switch(void** save, void* load);
asm(R"(
.text
.globl plait_simt_switch
.type plait_simt_switch, @function
plait_simt_switch:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  .cfi_adjust_cfa_offset -8
  popq %r14
  .cfi_adjust_cfa_offset -8
  popq %r13
  .cfi_adjust_cfa_offset -8
  popq %r12
  .cfi_adjust_cfa_offset -8
  popq %rbx
  .cfi_adjust_cfa_offset -8
  popq %rbp
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
.size plait_simt_switch, .-plait_simt_switch
)");

namespace plait::simt {
namespace {

constexpr std::size_t stack_bytes = (PLAIT_ADDRESS_SANITIZER ? 256u : 64u) * 1024u;
constexpr std::size_t page = 4096;

// Stacks at equal distances fall into the same cache sets; shifted tops do not.
constexpr std::size_t colour_step = 576, colour_range = 16 * 1024;

}  // namespace

Fiber& native_fiber() {
  static thread_local Fiber fiber;
  return fiber;
}

void entered_fiber() {
#if PLAIT_ADDRESS_SANITIZER
  const void* low = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &low, &size);
  Fiber& native = native_fiber();
  if (native.low == nullptr) {
    native.low = static_cast<char*>(const_cast<void*>(low));
    native.size = size;
  }
#endif
}

void switch_fiber(Fiber& from, Fiber& to) {
#if PLAIT_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&from.sanitizer_stack, to.low, to.size);
#endif
  plait_simt_switch(&from.stack_pointer, to.stack_pointer);
#if PLAIT_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(from.sanitizer_stack, nullptr, nullptr);
#endif
}

void FiberPool::prepare(Fiber& fiber, std::size_t number) const {
  const std::size_t shift = number * colour_step % colour_range / 64 * 64;
  auto* top = reinterpret_cast<void**>(fiber.low + fiber.size - 128 - shift);  // pages minus a multiple of 64
  *--top = nullptr;                                                            // where a debugger's walk ends
  *--top = reinterpret_cast<void*>(entry_);
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  fiber.stack_pointer = top;
  fiber.sanitizer_stack = nullptr;
}

Fiber& FiberPool::take() {
  if (!free_.empty()) {
    Fiber& fiber = *free_.back();
    free_.pop_back();
    return fiber;
  }
  void* memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page, PROT_NONE);  // an overflow faults instead of reaching the neighbour
  fibers_.push_back(std::make_unique<Fiber>());
  Fiber& fiber = *fibers_.back();
  fiber.low = static_cast<char*>(memory);
  fiber.size = stack_bytes;
  prepare(fiber, fibers_.size());
  return fiber;
}

void FiberPool::restart_all() {
  free_.clear();
  for (std::size_t i = 0; i < fibers_.size(); ++i) {
    prepare(*fibers_[i], i + 1);
    free_.push_back(fibers_[i].get());
  }
}

FiberPool::~FiberPool() {
  for (const auto& fiber : fibers_) munmap(fiber->low, fiber->size);
}

}  // namespace plait::simt
