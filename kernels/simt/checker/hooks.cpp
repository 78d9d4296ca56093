// The calls that -fsanitize=thread, bounds and alignment put into instrumented kernels. Neither runtime of the
// compiler's is linked: these definitions are the runtime. Atomics are carried out and exempt from the race rules.
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/simt/block.h"

namespace plait::simt {
namespace {

void touch(const void* address, std::size_t bytes, bool write, const void* pc) {
  if (BlockRunner* runner = BlockRunner::running()) runner->touch(address, bytes, write, pc);
}

// As the compiler lays them out.
struct SourcePlace {
  const char* file;
  std::uint32_t line, column;
};
struct BoundsData {
  SourcePlace place;
  const void *array_type, *index_type;
};
struct MismatchData {
  SourcePlace place;
  const void* type;
  std::uint8_t log_alignment, kind;
};

void tell(const SourcePlace& place, const std::string& what) {
  BlockRunner* runner = BlockRunner::running();
  if (runner == nullptr || !runner->in_kernel()) return;
  const BlockRunner::Pause pause(*runner);
  const std::string where = describe({place.file, static_cast<int>(place.line)}) + ":" + std::to_string(place.column);
  runner->report(what + where, what + " at " + where);
}

}  // namespace

}  // namespace plait::simt

using plait::simt::touch;

extern "C" {

// The compiler calls the hooks by these names.
// NOLINTBEGIN(bugprone-reserved-identifier)

#define PLAIT_TOUCH(size)                               \
  void __tsan_read##size(void* p) {                     \
    touch(p, size, false, __builtin_return_address(0)); \
  }                                                     \
  void __tsan_write##size(void* p) {                    \
    touch(p, size, true, __builtin_return_address(0));  \
  }                                                     \
  void __tsan_unaligned_read##size(void* p) {           \
    touch(p, size, false, __builtin_return_address(0)); \
  }                                                     \
  void __tsan_unaligned_write##size(void* p) {          \
    touch(p, size, true, __builtin_return_address(0));  \
  }
PLAIT_TOUCH(1)
PLAIT_TOUCH(2)
PLAIT_TOUCH(4)
PLAIT_TOUCH(8)
PLAIT_TOUCH(16)
#undef PLAIT_TOUCH

void __tsan_read_range(void* p, std::size_t bytes) {
  touch(p, bytes, false, __builtin_return_address(0));
}
void __tsan_write_range(void* p, std::size_t bytes) {
  touch(p, bytes, true, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {}

#define PLAIT_ATOMIC(bits)                                                                                          \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* p, int) {                      \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                                    \
  }                                                                                                                 \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* p, std::uint##bits##_t value, int) {               \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                                   \
  }                                                                                                                 \
  std::uint##bits##_t __tsan_atomic##bits##_exchange(volatile std::uint##bits##_t* p, std::uint##bits##_t value,    \
                                                     int) {                                                         \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                                         \
  }                                                                                                                 \
  std::uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile std::uint##bits##_t* p, std::uint##bits##_t value,   \
                                                      int) {                                                        \
    return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);                                                          \
  }                                                                                                                 \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile std::uint##bits##_t* p, std::uint##bits##_t* expected, \
                                                    std::uint##bits##_t value, int, int) {                          \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);              \
  }                                                                                                                 \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile std::uint##bits##_t* p, std::uint##bits##_t* expected,   \
                                                  std::uint##bits##_t value, int, int) {                            \
    return __atomic_compare_exchange_n(p, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
  }                                                                                                                 \
  std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                                   \
      volatile std::uint##bits##_t* p, std::uint##bits##_t expected, std::uint##bits##_t value, int, int) {         \
    __atomic_compare_exchange_n(p, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                    \
    return expected;                                                                                                \
  }
PLAIT_ATOMIC(8)
PLAIT_ATOMIC(16)
PLAIT_ATOMIC(32)
PLAIT_ATOMIC(64)
#undef PLAIT_ATOMIC

// A wrong index into an array of known size.
void __ubsan_handle_out_of_bounds(void* data, void* index) {
  plait::simt::tell(static_cast<const plait::simt::BoundsData*>(data)->place,
                    "out of bounds: index " + std::to_string(reinterpret_cast<std::intptr_t>(index)) +
                        " into an array of known size");
}

// An address that is no multiple of the type's alignment.
void __ubsan_handle_type_mismatch_v1(void* data, void* pointer) {
  const auto* mismatch = static_cast<const plait::simt::MismatchData*>(data);
  const unsigned alignment = 1u << mismatch->log_alignment;
  plait::simt::tell(mismatch->place, "misaligned: an address that is " +
                                         std::to_string(reinterpret_cast<std::uintptr_t>(pointer) % alignment) +
                                         " bytes off a multiple of " + std::to_string(alignment));
}

// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
