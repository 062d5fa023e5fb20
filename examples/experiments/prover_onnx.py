#!/usr/bin/env python3
"""R2's published networks (https://github.com/eth-sri/prover, saved/*.pt) as ONNX.

    pip install torch onnx
    examples/experiments/prover_onnx.py prover/saved/mnist_04f_032h_1l.pt mnist_04f_032h_1l.onnx

The file holds a pickled module, which runs code when it is read: take it from the authors only. The
network becomes what soundproof reads: rows [T, 1, D] -> dense layers with ReLU, where the file has
them -> LSTM layers -> the last state -> dense layer -> logits."""

import os
import sys

import torch
from torch import nn


class Chain(nn.Module):
    """The layers of a file in their order; the last state goes on behind the last LSTM."""

    def __init__(self, dense, recurrent, readout):
        super().__init__()
        self.dense, self.recurrent, self.readout = nn.ModuleList(dense), recurrent, readout

    def forward(self, rows):
        for layer in self.dense:
            rows = torch.relu(layer(rows))
        rows, _ = self.recurrent(rows)
        return self.readout(rows[-1])


def layers_of(state):
    """Dense layers before, the LSTM, and the readout, from the names and shapes of a state."""
    lstm, dense = {}, []
    for name, tensor in state.items():
        if ".weight_ih_l" in f".{name}" or ".weight_hh_l" in f".{name}" or "bias_ih_l" in name or \
                "bias_hh_l" in name:
            lstm.setdefault(name.rsplit(".", 1)[0] if "." in name else "", {})[
                name.rsplit(".", 1)[-1]] = tensor
        elif name.endswith("weight"):
            dense.append((tensor, state.get(name[:-len("weight")] + "bias")))
    if len(lstm) != 1:
        sys.exit(f"the file has {len(lstm)} groups of LSTM layers, and one is expected")
    (tensors,) = lstm.values()
    depth = sum(name.startswith("weight_ih_l") for name in tensors)
    first = tensors["weight_ih_l0"]
    recurrent = nn.LSTM(first.shape[1], first.shape[0] // 4, depth)
    recurrent.load_state_dict(tensors)
    return dense, recurrent


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(torch.zeros(weight.shape[0]) if bias is None else bias)
    return layer


def main():
    if len(sys.argv) != 3:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} IN.pt OUT.onnx")
    loaded = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
    state = loaded.state_dict() if isinstance(loaded, nn.Module) else loaded
    dense, recurrent = layers_of(state)
    before = [linear(*layer) for layer in dense
              if layer[0].shape[0] == recurrent.input_size and layer is not dense[-1]]
    chain = Chain(before, recurrent, linear(*dense[-1])).eval()
    width = before[0].in_features if before else recurrent.input_size
    torch.onnx.export(chain, torch.zeros(4, 1, width), sys.argv[2], input_names=["rows"],
                      output_names=["logits"], dynamic_axes={"rows": {0: "steps"}},
                      opset_version=13, dynamo=False)
    print(f"{sys.argv[2]}: {width} numbers a row, {len(before)} dense layers, "
          f"{recurrent.num_layers} LSTM layers of {recurrent.hidden_size}")


main()
