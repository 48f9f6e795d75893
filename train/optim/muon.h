// Muon, for a model that learns from nothing: a matrix moves by the orthogonal matrix nearest to its
// momentum, so that every direction in it learns at the same rate. Sources: K. Jordan et al., "Muon: An
// optimizer for hidden layers in neural networks" (2024); arXiv 2502.16982, whose scale makes AdamW's
// learning rates fit.
#pragma once

#include "train/model/parameters.h"

namespace cobra::train {

/// Whether Muon updates the parameter: a matrix between hidden activations. Embeddings, the head,
/// convolutions and vectors are not.
bool is_hidden_matrix(const Parameter& parameter);

/// U V^T of matrix = U S V^T, roughly, by five Newton-Schulz steps of the fifth degree: singular values from
/// 0.68 to 1.2 where they were no less than a 650th of the matrix' Frobenius norm. [rows, columns].
Tensor orthogonalized(const Tensor& matrix);

/// One update of `value` by its gradient, behind its decay. `momentum` is the running mean of the gradients,
/// of the same shape. Where the gradient is nothing but zeros (of a batch without pictures, for the towers),
/// the value stays: an orthogonal matrix is as large however little is left of the momentum.
void muon_update(Tensor value, Tensor momentum, double learning_rate);

}  // namespace cobra::train
