"""What Teasel is measured against: the same work as its libraries' tutorials write it."""

import torch
from torch import nn
from torch.nn import functional as F


class PlainVAE(nn.Module):
    """Burgess's network for one-channel images, in plain modules."""

    def __init__(self, size: int, latents: int) -> None:
        super().__init__()
        widths = {64: (32, 32, 64, 64), 32: (32, 32, 64)}[size]
        encoder, before = [], 1
        for width in widths:
            encoder += [nn.Conv2d(before, width, 4, 2, 1), nn.ReLU()]
            before = width
        self.encoder = nn.Sequential(
            *encoder, nn.Flatten(), nn.Linear(before * 16, 256), nn.ReLU(), nn.Linear(256, 2 * latents)
        )
        decoder = []
        for width in (*reversed(widths[:-1]), 1):
            decoder += [nn.ConvTranspose2d(before, width, 4, 2, 1), nn.ReLU()]
            before = width
        self.decoder = nn.Sequential(
            nn.Linear(latents, 256),
            nn.ReLU(),
            nn.Linear(256, widths[-1] * 16),
            nn.ReLU(),
            nn.Unflatten(1, (widths[-1], 4, 4)),
            *decoder[:-1],
        )

    def loss(self, image, beta):
        mean, log_variance = self.encoder(image).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        reconstruction = F.binary_cross_entropy_with_logits(self.decoder(z), image, reduction="sum") / len(image)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()
        return reconstruction + beta * kl, z


class PlainTraining:
    """A training loop over a resident float tensor, as a tutorial writes it; with ``gamma`` a FactorVAE."""

    def __init__(self, images, size, *, gamma=None, units=1000, batch=64):
        self.images, self.batch, self.gamma = images, batch, gamma
        self.vae = PlainVAE(size, 10).to(images.device)
        self.optimizer = torch.optim.Adam(self.vae.parameters(), lr=1e-4)
        if gamma is not None:
            layers, before = [], 10
            for _ in range(6):
                layers += [nn.Linear(before, units), nn.LeakyReLU(0.2)]
                before = units
            self.discriminator = nn.Sequential(*layers, nn.Linear(before, 2)).to(images.device)
            self.other = torch.optim.Adam(self.discriminator.parameters(), lr=1e-4, betas=(0.5, 0.9))

    def draw(self):
        index = torch.randint(len(self.images), (self.batch,), device=self.images.device)
        return self.images[index]

    def step(self):
        loss, z = self.vae.loss(self.draw(), 4.0 if self.gamma is None else 1.0)
        if self.gamma is not None:
            logits = self.discriminator(z)
            loss = loss + self.gamma * (logits[:, 0] - logits[:, 1]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.gamma is not None:
            with torch.no_grad():
                mean, log_variance = self.vae.encoder(self.draw()).chunk(2, 1)
                other = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            permuted = torch.stack([c[torch.randperm(len(c), device=c.device)] for c in other.T], 1)
            both = self.discriminator(torch.cat([z.detach(), permuted]))
            target = torch.arange(2, device=z.device).repeat_interleave(len(z))
            self.other.zero_grad()
            F.cross_entropy(both, target).backward()
            self.other.step()
