#include "engine/tape.h"

#include "engine/error.h"
#include "engine/op_scope.h"
#include "kernels/reduce.h"

namespace plait {
namespace {

void fill_with_zeros(const Tensor& t, const Arena& arena) {
  const std::int64_t count = t.rows() * t.row_stride;
  if (arena.on_gpu()) {
    gpu::set_zero(t.data, static_cast<std::size_t>(count) * dtype_size(t.dtype), arena.stream());
    return;
  }
  dispatch_float(t.dtype, [&]<class T>(T) { cpu::fill<T>(count, T(0), t.as<T>()); });
}

}  // namespace

Tape::Tape(Arena& arena, bool recording)
    : arena_(arena),
      recording_(recording),
      losses_(step_numbers * sizeof(double), arena.device(), "the losses of a step") {}

void Tape::reset() {
  nodes_.clear();
  leaf_of_parameter_.assign(leaf_of_parameter_.size(), -1);
  arena_.set_backward(false);
  arena_.reset();
  host_.reset();
  losses_used_ = 0;
}

double* Tape::loss_slot() {
  check(losses_used_ < loss_slots, "[tape] a step has more losses than there are slots");
  return loss_memory() + losses_used_++;
}

void Tape::begin_branch(int i) {
  if (!arena_.on_gpu()) return;
  arena_.keep_scratch(true);
  enter_branch(i);
}

void Tape::enter_branch(int i) {
  if (i == branch_) return;
  branch_ = i;
  if (i < 0) {
    arena_.set_stream(arena_.device().stream());
    return;
  }
  arena_.set_stream(arena_.device().begin_branch(i));
  open_branches_ |= 1u << i;
}

void Tape::join_branches() {
  for (int i = 0; i < Device::branches; ++i)
    if ((open_branches_ >> i & 1u) != 0) arena_.device().end_branch(i);
  open_branches_ = 0;
  if (arena_.on_gpu()) enter_branch(-1);
}

Value Tape::parameter(const ParameterStore& store, int index) {
  const Tensor data = store.compute_value(index);
  if (!recording_ || input_leaves_) return {data, -1};
  const auto place = static_cast<std::size_t>(index);
  if (place >= leaf_of_parameter_.size()) leaf_of_parameter_.resize(place + 1, -1);
  int& leaf = leaf_of_parameter_[place];
  if (leaf < 0) {
    leaf = static_cast<int>(nodes_.size());
    Node node;
    node.data = data;
    node.grad = store.gradient(index);
    node.parameter = index;
    nodes_.push_back(node);
  }
  return {data, leaf};
}

Value Tape::variable(const Tensor& data) {
  check(recording_, "[tape] a variable needs a recording tape");
  Node node;
  node.data = data;
  nodes_.push_back(node);
  return {data, static_cast<int>(nodes_.size()) - 1};
}

const Tensor& Tape::gradient(const Value& value) const {
  check(value.node >= 0, "[tape] a constant has no gradient");
  const Node& node = nodes_[static_cast<std::size_t>(value.node)];
  check(node.touched, "[tape] no gradient has reached this value");
  return node.grad;
}

bool Tape::wants_gradient(std::span<const Value> inputs) const {
  for (const Value& input : inputs)
    if (input.node >= 0) return true;
  return false;
}

Value Tape::append(const Tensor& y, std::span<const Value> inputs, void* closure, RunBackward run) {
  Node node;
  node.data = y;
  node.input_count = static_cast<int>(inputs.size());
  node.inputs = host_.array<int>(node.input_count);
  for (int i = 0; i < node.input_count; ++i) node.inputs[i] = inputs[static_cast<std::size_t>(i)].node;
  node.closure = closure;
  node.run = run;
  node.branch = branch_;
  node.op = arena_.op() != nullptr ? arena_.op() : "op";
  nodes_.push_back(node);
  return {y, static_cast<int>(nodes_.size()) - 1};
}

GradSlot Tape::slot(Node& node, bool accumulate) {
  if (node.grad.empty()) node.grad = arena_.like(node.data);
  const bool add = node.touched || (node.parameter >= 0 && accumulate);
  node.touched = true;
  return {node.grad, add ? GradMode::accumulate : GradMode::overwrite};
}

GradSlot Tape::seed(const Value& x) {
  if (!recording_ || x.node < 0) return {};
  Node& node = nodes_[static_cast<std::size_t>(x.node)];
  check(node.parameter < 0, "[tape] a loss on a parameter belongs to the optimizer");
  return slot(node, false);
}

void Tape::run_node(Node& node, bool accumulate) {
  const OpScope scope(arena_, node.op);
  slots_.clear();
  for (int i = 0; i < node.input_count; ++i) {
    const int input = node.inputs[i];
    slots_.push_back(input < 0 ? GradSlot{} : slot(nodes_[static_cast<std::size_t>(input)], accumulate));
  }
  node.run(node.closure, *this, node.grad, slots_.data());
}

void Tape::backward(bool accumulate) {
  check(recording_, "[tape] backward on a tape that does not record");
  arena_.set_backward(true);
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (node.run != nullptr) {
      if (!node.touched) continue;
      if (node.branch < 0)
        join_branches();
      else if (arena_.on_gpu())
        enter_branch(node.branch);
      run_node(node, accumulate);
      continue;
    }
    if (node.parameter < 0) continue;
    // A leaf stands before its first consumer, so all of them have run. One that no loss depends on has gradient 0.
    if (!node.touched && !accumulate) fill_with_zeros(node.grad, arena_);
    if (grad_ready_) grad_ready_(node.parameter);
  }
  join_branches();
  arena_.keep_scratch(false);
  arena_.set_backward(false);
}

}  // namespace plait
