"""The command that evaluates runs from their folders alone.

python -m thrmlDenoising.evaluate RUN --epoch 4               # a checkpoint: tables and JSON
python -m thrmlDenoising.evaluate compare RUN RUN             # several runs: a picture
python -m thrmlDenoising.evaluate controls fashion_mnist_10k  # what the metrics say of real images
"""
