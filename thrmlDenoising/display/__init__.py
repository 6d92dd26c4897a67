"""The command that generates with a trained model of any family, and draws what it makes.

python -m thrmlDenoising.display RUN                       # the last checkpoint, into its run
python -m thrmlDenoising.display RUN --epoch 4 --n 20      # an earlier one; fewer are generated
python -m thrmlDenoising.display RUN --set exp.generate_gif=false exp.drawn_images_per_digit=8
"""
