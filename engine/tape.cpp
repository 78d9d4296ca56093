#include "engine/tape.h"

#include "engine/error.h"
#include "kernels/reduce.h"

namespace plait {

void Tape::reset() {
  nodes_.clear();
  leaf_of_parameter_.assign(leaf_of_parameter_.size(), -1);
  arena_.reset();
}

Value Tape::parameter(const ParameterStore& store, int index) {
  const Tensor data = store.value(index);
  if (!recording_) return {data, -1};
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
  node.inputs = arena_.array<int>(node.input_count);
  for (int i = 0; i < node.input_count; ++i) node.inputs[i] = inputs[static_cast<std::size_t>(i)].node;
  node.closure = closure;
  node.run = run;
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
  slots_.clear();
  for (int i = 0; i < node.input_count; ++i) {
    const int input = node.inputs[i];
    slots_.push_back(input < 0 ? GradSlot{} : slot(nodes_[static_cast<std::size_t>(input)], accumulate));
  }
  node.run(node.closure, *this, node.grad, slots_.data());
}

void Tape::backward(bool accumulate) {
  check(recording_, "[tape] backward on a tape that does not record");
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (node.run != nullptr) {
      if (node.touched) run_node(node, accumulate);
      continue;
    }
    if (node.parameter < 0) continue;
    // A leaf stands before its first consumer, so all of them have run. One that no loss depends on has gradient 0.
    if (!node.touched && !accumulate)
      dispatch_float(node.grad.dtype, [&]<class T>(T) {
        const std::int64_t count = node.grad.rows() * node.grad.row_stride;
        cpu::fill<T>(count, T(0), node.grad.as<T>());
      });
    if (grad_ready_) grad_ready_(node.parameter);
  }
}

}  // namespace plait
