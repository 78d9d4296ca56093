// Element types of tensors. f64 exists on the CPU only, for gradient checks; bf16 on a GPU only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/math/bf16.h"

namespace plait {

enum class DType : std::uint8_t { f32, f64, i32, u8, bf16 };

constexpr std::size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 8;
    case DType::u8:
      return 1;
    case DType::bf16:
      return 2;
    case DType::f32:
    case DType::i32:
      break;
  }
  return 4;
}

constexpr const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return "f64";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
    case DType::bf16:
      return "bf16";
    case DType::f32:
      break;
  }
  return "f32";
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DType::u8;
  if constexpr (std::is_same_v<T, bf16>) return DType::bf16;
}

// Calls f with a value of the floating-point type that `dtype` names: dispatch once, at the edge.
template <class F>
auto dispatch_float(DType dtype, F&& f) {
  return dtype == DType::f64 ? f(double{}) : f(float{});
}

// The same on a GPU.
template <class F>
auto dispatch_gpu(DType dtype, F&& f) {
  return dtype == DType::bf16 ? f(bf16{}) : f(float{});
}

}  // namespace plait
