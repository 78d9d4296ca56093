// Four lanes in plain C++ for machines without AVX2: slow (std::fma is a library call there), but the same bits. The
// members are those of vector_avx512.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/math/activation.h"

namespace plait::cpu::detail {

template <class T>
struct Baseline {
  using Element = T;
  static constexpr int lanes = 4, vectors = 1, most_rows_1 = 4, square = 4;
  struct Vector {
    T lane[lanes];
  };
  using Mask = std::int64_t;  // how many of the first lanes

  template <class F>
  static Vector each(const F& f) {
    Vector x;
    for (int i = 0; i < lanes; ++i) x.lane[i] = f(i);
    return x;
  }

  static Mask mask(std::int64_t count) { return std::clamp<std::int64_t>(count, 0, lanes); }
  static Vector zero() {
    return each([](int) { return T(0); });
  }
  static Vector broadcast(const T* p) {
    return each([=](int) { return *p; });
  }
  static Vector load(const T* p) {
    return each([=](int i) { return p[i]; });
  }
  static Vector load(Mask m, const T* p) {
    return each([=](int i) { return i < m ? p[i] : T(0); });
  }
  static void store(T* p, const Vector& x) { std::copy_n(x.lane, lanes, p); }
  static void store(Mask m, T* p, const Vector& x) { std::copy_n(x.lane, m, p); }
  static void stream(T* p, const Vector& x) { store(p, x); }
  static Vector fma(const Vector& a, const Vector& b, const Vector& c) {
    return each([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static Vector add(const Vector& a, const Vector& b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Vector relu(const Vector& x) {
    return each([&](int i) { return activate(Activation::relu, x.lane[i]); });
  }
  struct Choice {
    bool lane[lanes];
  };
  template <class F>
  static Choice each_choice(const F& f) {
    Choice x;
    for (int i = 0; i < lanes; ++i) x.lane[i] = f(i);
    return x;
  }
  static Choice replaces(const Vector& v, const Vector& best) {
    return each_choice([&](int i) { return best.lane[i] == best.lane[i] && !(v.lane[i] <= best.lane[i]); });
  }
  static Choice equals(const Vector& a, const Vector& b) {
    return each_choice([&](int i) { return a.lane[i] == b.lane[i]; });
  }
  static Vector choose(const Choice& yes, const Vector& a, const Vector& b) {
    return each([&](int i) { return yes.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vector load_bytes(Mask m, const std::uint8_t* p) {
    return each([=](int i) { return i < m ? T(p[i]) : T(0); });
  }
  static void store_bytes(Mask m, std::uint8_t* p, const Vector& x) {
    for (int i = 0; i < m; ++i) p[i] = static_cast<std::uint8_t>(x.lane[i]);
  }

  static void transpose_square(const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride) {
    for (int r = 0; r < square; ++r) {
      for (int c = 0; c < square; ++c) to[c * to_stride + r] = from[r * from_stride + c];
    }
  }
};

}  // namespace plait::cpu::detail
